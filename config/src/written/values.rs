//! Values that JSON has no type for, and how they are asked for when they are wrong.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Unexpected, Visitor};

use super::{Membership, MembershipClaim};

/// A duration, written as text: `500ms`, `10m`, `1h 30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(
    /// How long.
    pub Duration,
);

/// A whole number. Envoy hands a protobuf `Struct` over as JSON, where all numbers are floating-point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole(
    /// The number.
    pub u32,
);

impl Span {
    pub(super) fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration as text, such as \"30s\" or \"10m\"")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Span, E> {
                humantime::parse_duration(text)
                    .map(Span)
                    .map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Text)
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Whole;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number from 0 to 4294967295")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Whole, E> {
                u32::try_from(number)
                    .map(Whole)
                    .map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Whole, E> {
                u32::try_from(number)
                    .map(Whole)
                    .map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
            }

            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the range and the missing fraction are checked first"
            )]
            fn visit_f64<E: Error>(self, number: f64) -> Result<Whole, E> {
                if (0.0..=f64::from(u32::MAX)).contains(&number) && number.fract() == 0.0 {
                    return Ok(Whole(number as u32));
                }
                Err(E::invalid_value(Unexpected::Float(number), &self))
            }
        }
        deserializer.deserialize_any(Number)
    }
}

impl<'de> Deserialize<'de> for Membership {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyOrClaim;
        impl<'de> Visitor<'de> for AnyOrClaim {
            type Value = Membership;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("{\"claim\": [\"…\"], \"shape\": \"list\"}, or \"any\" for every holder of a token")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Membership, E> {
                match text {
                    "any" => Ok(Membership::Any),
                    other => Err(E::invalid_value(Unexpected::Str(other), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Membership, A::Error> {
                MembershipClaim::deserialize(MapAccessDeserializer::new(map)).map(Membership::Claim)
            }
        }
        deserializer.deserialize_any(AnyOrClaim)
    }
}

/// Tells `null` from a field that is not there.
pub(super) fn written<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}
