# The image of every role: `lethe api`, `lethe worker`, `lethe migrate`, or all in one with `lethe up`.
# The embedded vector engine is most of the build. Who has a Qdrant leaves it out: `--build-arg FEATURES=otlp`.

FROM rust:1.95.0-bookworm AS builder
WORKDIR /build
COPY . .
ARG FEATURES=embedded,otlp
# The caches outlive the layers, so that a change of one file does not compile the engine again;
# the binary has to be copied out, since a cache is not part of the image.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin lethe --no-default-features --features "$FEATURES" \
    && strip -o /lethe target/release/lethe

# The same Debian as the builder's: the binary is linked to its C library.
FROM debian:12.13-slim
# The roots of TLS, for stores and callers that are reached by it; the time zones that schedules name.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin lethe \
    && install --directory --owner lethe --group lethe --mode 0700 /var/lib/lethe
COPY --from=builder /lethe /usr/local/bin/lethe
# A number, so that a supervisor can see that it is not root.
USER 10001
WORKDIR /var/lib/lethe
ENV LETHE_DATA=/var/lib/lethe
EXPOSE 7878 7879
ENTRYPOINT ["lethe"]
# Alone: everything in one process. Its API key is printed at the first start.
CMD ["up", "--listen", "0.0.0.0:7878"]
