# One static binary and nothing else: no shell, no package manager, no root.
#
#   make docker
#   docker run -v closeloop:/data -p 8080:8080 IMAGE        serve with /data/closeloop.yaml
#   docker run --rm IMAGE demo                              the whole loop, without any account

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src

# The modules first: a change of our code does not fetch them again.
COPY go.mod go.sum ./
RUN go mod download

COPY . .
ARG VERSION=dev
ARG TARGETOS
ARG TARGETARCH
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /out/closeloop ./cmd/closeloop

# scratch has no mkdir: the folders the program writes to are made here and copied with their owner and mode.
RUN mkdir -p /out/data /out/tmp && chmod 0700 /out/data && chmod 1777 /out/tmp


# Time zones and certificate roots are inside the binary.
FROM scratch
COPY --from=build /out/closeloop /closeloop
COPY --from=build /src/LICENSE /LICENSE
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build --chown=65532:65532 /out/tmp /tmp

# A number, so that an orchestrator can see that it is not root without a passwd file.
USER 65532:65532

# closeloop.yaml and the database are looked for here. A new named volume takes over the owner and mode above;
# a bind mount must belong to 65532.
WORKDIR /data
VOLUME /data
EXPOSE 8080

ENTRYPOINT ["/closeloop"]
CMD ["serve"]
