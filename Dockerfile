# The image of one application of apps/. It holds its static binary and the certificates of public authorities, and nothing else.
#
#   docker build --build-arg APP=wordcount -t wordcount .

FROM golang:1.27 AS build
WORKDIR /src
# Modules are a layer of their own: they are downloaded anew only when go.mod or go.sum change.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG APP=wordcount
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /app ./apps/$APP

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /app /app
USER 65532:65532
ENTRYPOINT ["/app"]
