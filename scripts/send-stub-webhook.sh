#!/usr/bin/env bash
# Sends a GitHub push of one commit with a fresh id to the gateway and prints the answer.
#
#   scripts/send-stub-webhook.sh [URL]      default: http://127.0.0.1:8080/webhooks/github
#
# It is signed when GITHUB_WEBHOOK_SECRET is set. Ends with 0 only when the gateway answered 2xx.
# Needs curl, and openssl.
set -euo pipefail

readonly url="${1:-http://127.0.0.1:8080/webhooks/github}"

for tool in curl openssl; do
    if ! command -v "$tool" > /dev/null; then
        echo "send-stub-webhook: $tool is not installed" >&2
        exit 69
    fi
done

commit=$(openssl rand -hex 20)
before=$(openssl rand -hex 20)
random=$(openssl rand -hex 16)
delivery="${random:0:8}-${random:8:4}-4${random:13:3}-a${random:17:3}-${random:20:12}"
time=$(date -u +%Y-%m-%dT%H:%M:%SZ)

body=$(
    cat << EOF
{"ref":"refs/heads/main","before":"$before","after":"$commit","created":false,"deleted":false,"forced":false,\
"commits":[{"id":"$commit","message":"This is an example commit message","timestamp":"$time",\
"url":"https://github.com/octo/hello/commit/$commit","author":{"name":"John Doe","username":"johndoe"}}],\
"repository":{"name":"hello","full_name":"octo/hello"}}
EOF
)

headers=(-H "Content-Type: application/json" -H "X-GitHub-Event: push" -H "X-GitHub-Delivery: $delivery")
if [[ -n "${GITHUB_WEBHOOK_SECRET:-}" ]]; then
    # The key as hexadecimal, so that no character of it means something to openssl. It stands on openssl's command
    # line, where other users of the machine can read it for that moment: use a secret for testing.
    key=$(printf '%s' "$GITHUB_WEBHOOK_SECRET" | od -An -v -tx1 | tr -d ' \n')
    digest=$(printf '%s' "$body" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" | sed 's/^.*= *//')
    headers+=(-H "X-Hub-Signature-256: sha256=$digest")
fi

answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
if ! status=$(curl --silent --show-error --max-time 15 --output "$answer" --write-out '%{http_code}' \
    "${headers[@]}" --data-binary "$body" "$url"); then
    echo "send-stub-webhook: no answer from the gateway" >&2
    exit 69
fi
echo "commit $commit: $status"
if [[ -s "$answer" ]]; then
    cat "$answer"
    echo
fi
[[ "$status" == 2* ]]
