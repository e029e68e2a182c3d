# Envoy with the module, for envoy/kubernetes/plain or by itself. `cargo tollgate package` first, then:
#
#     docker build -f envoy/docker/envoy.Dockerfile -t registry.example.com/tollgate-envoy:0.1.0 target/package
FROM envoyproxy/envoy:distroless-v1.40.0
COPY --chmod=0644 tollgate.wasm /etc/envoy/tollgate.wasm
