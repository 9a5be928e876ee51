# Two images: --target countersign (watcher, gate and command line) and
# --target executor (what the ephemeral Job runs). Both are one static binary.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd/countersign cmd/countersign
COPY cmd/executor cmd/executor
COPY internal internal
COPY policies policies
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/ ./cmd/countersign ./cmd/executor

FROM gcr.io/distroless/static-debian12:nonroot AS countersign
COPY --from=build /out/countersign /countersign
USER 65532:65532
ENTRYPOINT ["/countersign"]
CMD ["run"]

FROM scratch AS executor
COPY --from=build /out/executor /executor
USER 65532:65532
ENTRYPOINT ["/executor"]
