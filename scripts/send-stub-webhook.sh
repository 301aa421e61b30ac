#!/usr/bin/env bash
# Sends GitHub pushes with fresh commit ids to the gateway, and prints each commit with the gateway's answer.
#
#   scripts/send-stub-webhook.sh [-c COMMITS] [-r OWNER/NAME]... [URL]
#
#   -c COMMITS      commits in each push, 1 to 1000; default 1
#   -r OWNER/NAME   a repository to push to; may be repeated, one push for each; default octo/hello
#   URL             default http://127.0.0.1:8080/webhooks/github, where `make run` and docker-compose.yml listen
#
# Pushes are signed when GITHUB_WEBHOOK_SECRET is set. Ends with 0 when all were answered 2xx, 1 when one was not, 64 for
# wrong arguments, 69 when a tool is missing or nothing answers. Needs curl and openssl.
set -euo pipefail

readonly default_url=http://127.0.0.1:8080/webhooks/github

fail() {
    local status=$1
    shift
    echo "send-stub-webhook: $*" >&2
    exit "$status"
}

usage() {
    sed -n '2,/^set /{s/^# \{0,1\}//;/^set /d;p}' "$0"
}

commits=1
repositories=()
while getopts :c:r:h option; do
    case $option in
        c)
            [[ $OPTARG =~ ^([1-9][0-9]{0,2}|1000)$ ]] || fail 64 "-c: expected a number from 1 to 1000"
            commits=$OPTARG
            ;;
        r)
            [[ $OPTARG =~ ^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$ ]] || fail 64 "-r: expected OWNER/NAME"
            repositories+=("$OPTARG")
            ;;
        h)
            usage
            exit 0
            ;;
        :) fail 64 "-$OPTARG: expected a value (-h tells more)" ;;
        *) fail 64 "-$OPTARG: no such option (-h tells more)" ;;
    esac
done
shift $((OPTIND - 1))
(($# <= 1)) || fail 64 "expected one URL at most (-h tells more)"
readonly url=${1:-$default_url}
[[ $url =~ ^https?://[^/] ]] || fail 64 "expected a URL such as $default_url"
((${#repositories[@]} > 0)) || repositories=(octo/hello)

for tool in curl openssl; do
    command -v "$tool" > /dev/null || fail 69 "$tool is not installed"
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The push of $commits commits to the repository $1, as GitHub tells it; the rest are their ids.
push_body() {
    local repository=$1 time before separator='' id
    shift
    time=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    before=$(openssl rand -hex 20)
    printf '{"ref":"refs/heads/main","before":"%s","after":"%s","created":false,"deleted":false,"forced":false,"commits":[' \
        "$before" "${*: -1}"
    for id in "$@"; do
        printf '%s{"id":"%s","message":"This is an example commit message","timestamp":"%s",' "$separator" "$id" "$time"
        printf '"url":"https://github.com/%s/commit/%s",' "$repository" "$id"
        printf '"author":{"name":"John Doe","username":"johndoe"}}'
        separator=,
    done
    printf '],"repository":{"name":"%s","full_name":"%s"}}' "${repository#*/}" "$repository"
}

# Sends the body in $work/body and prints the status of the answer, which is in $work/answer.
send() {
    local random delivery key digest headers
    random=$(openssl rand -hex 16)
    delivery="${random:0:8}-${random:8:4}-4${random:13:3}-a${random:17:3}-${random:20:12}"
    headers=(-H "Content-Type: application/json" -H "X-GitHub-Event: push" -H "X-GitHub-Delivery: $delivery")
    if [[ -n ${GITHUB_WEBHOOK_SECRET:-} ]]; then
        # The key as hexadecimal, so that no character of it means something to openssl. It stands on openssl's command
        # line, where other users of the machine can read it for that moment: use a secret for testing.
        key=$(printf '%s' "$GITHUB_WEBHOOK_SECRET" | od -An -v -tx1 | tr -d ' \n')
        digest=$(openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" < "$work/body" | sed 's/^.*= *//')
        headers+=(-H "X-Hub-Signature-256: sha256=$digest")
    fi
    curl --silent --show-error --max-time 15 --output "$work/answer" --write-out '%{http_code}' \
        "${headers[@]}" --data-binary "@$work/body" "$url"
}

refused=0
for repository in "${repositories[@]}"; do
    ids=()
    for ((i = 0; i < commits; i++)); do ids+=("$(openssl rand -hex 20)"); done
    push_body "$repository" "${ids[@]}" > "$work/body"
    : > "$work/answer"
    status=$(send) || fail 69 "no answer from the gateway at $url (does it run?)"
    for id in "${ids[@]}"; do echo "commit $id: $status"; done
    if [[ -s $work/answer ]]; then printf '%s\n' "$(< "$work/answer")"; fi
    if [[ $status != 2* ]]; then
        refused=1
        if [[ $status == 401 ]]; then
            echo "send-stub-webhook: set GITHUB_WEBHOOK_SECRET to the gateway's secret" >&2
        fi
    fi
done
exit "$refused"
