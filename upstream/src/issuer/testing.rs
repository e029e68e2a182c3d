//! A token and its key, made once with openssl; the private key is gone.

use axum::body::Bytes;
use serde_json::json;

/// RS256, key `a`: `user-1` of organisation 7 (Acme), for the audience `api`, until 2100.
pub(super) const TOKEN: &str = concat!(
    "eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiY",
    "XVkIjoiYXBpIiwic3ViIjoidXNlci0xIiwiZXhwIjo0MTAyNDQ0ODAwLCJ1cm46eml0YWRlbDppYW06d",
    "XNlcjpyZXNvdXJjZW93bmVyOmlkIjoiNyIsInVybjp6aXRhZGVsOmlhbTp1c2VyOnJlc291cmNlb3duZ",
    "XI6bmFtZSI6IkFjbWUiLCJhY2NvdW50cyI6WyJhY21lIl19.I9BjrUPf3Mcjfo7N6zv8Nk-JdZpjv1KC",
    "8FK9xw1tTcSh4qzrkgFWURos7P0JWKub_46a6XX4SWHcTazelJZ5g9LAjEtUQIRYHVQMWjcWhHWnkX9c",
    "q2UpgHHoGSsH_MHKtI6m122RV4y1-G9caXf5WvJAwQA6tSS7HqSQa-m1Aq-6sO1C2zzg3XkVlW8Dd-ZK",
    "6QbgshpyEJr1FOgUGpjnPJ9Zsr7d-KLuqDdv8EAlyA3gRNJGYWXWHA7RByH0Tv2rNWv5raMwdWJr8QPh",
    "FhqnP2VisiA7gW2PiA54HvLLsjGBJy7-l0mmYv1vp2J3D7fwj4BXN4EgAiS0NIn-r-D1Bg",
);

/// The modulus of its key; the exponent is 65537.
pub(super) const MODULUS: &str = concat!(
    "mRw535ksyeLlkcseN9I0xl2IY_4tdvOsA_oKi62lYVZlIe3FM2NqTuQj0teT6a5m8iNJb8QBRFOfUuF5",
    "Tv7UIWap3uDwJCqQSJG-LgI-d_wE2WGBBETNc43rZsZ0AGQv4VhVV9ryYYC498k-i2znUx_fgKSKpEBO",
    "7P2NKLXo9AtgqAEPj64m0avaHbA3wLblROdO2aYnYzXz6JPGkVzNgqVLsi9h7HoV6wXoPwhvDmAcZOgG",
    "8FljM6WtG82k8kKzFNNlWQYM0cbSE3M1ETlyepYabmuoY8KrioseCDfqsJcGJXosS2WN107Wr1H0HQG5",
    "_pZsaQyzyDMvar1O4t2jXQ",
);

/// A key set with that key under this id.
pub(super) fn key_set(kid: &str) -> Bytes {
    let key = json!({"kty": "RSA", "kid": kid, "n": MODULUS, "e": "AQAB"});
    json!({"keys": [key]}).to_string().into()
}
