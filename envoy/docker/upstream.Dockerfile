# The upstream. From the workspace's folder:
#
#     docker build -f envoy/docker/upstream.Dockerfile -t registry.example.com/tollgate-upstream:0.1.0 .
FROM rust:1.95.0-bookworm AS build
# As it is in the image, without what else the workspace's toolchain file names. And a request that panics ends itself, not the
# service: the profile's `abort` is for the filter.
ENV RUSTUP_TOOLCHAIN=1.95.0 CARGO_PROFILE_RELEASE_PANIC=unwind
WORKDIR /source
COPY . .
RUN cargo build --release --locked --package tollgate-upstream

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /source/target/release/tollgate-upstream /usr/local/bin/tollgate-upstream
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/tollgate-upstream"]
CMD ["serve"]
