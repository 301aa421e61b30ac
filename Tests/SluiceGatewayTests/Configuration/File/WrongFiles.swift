import Testing

/// Wrong files, with what is said of each: `line:column: words`. Beside them lie `big`, which is too large, `latin`, which is not
/// UTF-8, and `empty`.
struct Wrong: Sendable, CustomTestStringConvertible {
    let text: String
    let faults: [String]

    init(_ text: String, _ faults: String...) {
        (self.text, self.faults) = (text, faults)
    }

    var testDescription: String { faults.first ?? "" }

    static let files = sections + textsOfYAML

    /// What people do who do not write YAML every day.
    private static let textsOfYAML: [Wrong] = [
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n\t\twebhook: https://x.example\n",
            "4:1: it is not YAML: while scanning a plain scalar: found a tab character that violates indentation; indent with spaces, not tabs"
        ),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n   webhook: https://x.example\n",
            "4:4: it is not YAML: while parsing a block mapping: did not find expected key; keys of one mapping need the same indentation, and so do entries of one list"
        ),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook:https://x.example\n",
            "4:5: it is not YAML: while scanning a simple key: could not find expected ':'; behind a key stand a colon and a space"
        ),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: {{ .Values.slack }}\n",
            "4:15: expected a key, which is a text; a text that begins with { needs quotes"),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\n    only: [{repository: [*]}]\n",
            "5:27: it is not YAML: while scanning an alias: did not find expected alphabetic or numeric character; a text that begins with one of * & @ ` % ! needs quotes"
        ),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\n    only: [{repository: [@acme/x]}]\n",
            "5:26: it is not YAML: while scanning for the next token: found character that cannot start any token; a text that begins with one of * & @ ` % ! needs quotes"
        ),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n\u{A0}\u{A0}\u{A0}\u{A0}webhook: https://x.example\n",
            "4:1: a space here is none of YAML's (U+00A0 or the like): type it anew"),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\ndestinations:\n  chat: {throttle: 5/s}\n",
            "6:20: expected a mapping such as {rate: 5/s, burst: 3}, or off"),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\ndestinations:\n  chat: {throttle: {rate: 1/second}}\n",
            "6:27: expected a rate such as 1/s, 30/m or 1000/h, more than 0"),
        Wrong(
            "sinks:\n  - kind: slack\n    webhook: https://x.example\n",
            "2:3: expected a mapping whose keys are names, not a list"),
        Wrong(
            "x: &a {retry: {attempts: 3}}\nsinks:\n  chat:\n    <<: *a\n    kind: slack\n    webhook: https://x.example\n",
            "1:4: anchors and aliases are not taken: write the value out where it is wanted"),
        Wrong(
            "defaults: {timeout: {attempt: 5 minutes}}\n",
            "1:31: expected a duration such as 100ms, 5s, 5m or 1h, more than 0"),
    ]

    private static let sections: [Wrong] = [
        Wrong("sinx: {}\n", "1:1: the key sinx is not known here: was sinks meant?"),
        Wrong("sinks: []\n", "1:8: expected a mapping whose keys are names, not an empty list"),
        Wrong("sinks: text\n", "1:8: expected a mapping whose keys are names"),
        Wrong("- a\n", "1:1: expected a mapping with sections such as sources and sinks, not a list"),
        Wrong("just text\n", "1:1: expected a mapping with sections such as sources and sinks"),
        Wrong("", "1:1: nothing stands here: expected sections such as sources and sinks"),
        Wrong(
            "sinks:\n  chat: {kind: slak, webhook: x}\n",
            "2:16: expected a kind, grafana, slack, http or sql: was slack meant?"),
        Wrong(
            "sinks:\n  chat: {webhook: \"https://x.example\"}\n",
            "2:9: the key kind is missing: grafana, slack, http or sql"),
        Wrong("sinks:\n  chat: {kind: slack}\n", "2:9: the key webhook is missing"),
        Wrong("sinks:\n  chat: {kind: grafana, token: abc}\n", "2:9: the key url is missing"),
        Wrong(
            "sinks:\n  chat: {kind: http, url: \"${X}\"}\n",
            "2:27: the variable X is not set: set it, or write ${X:-default}"),
        Wrong("sinks:\n  chat: {kind: http}\n", "2:9: the key url is missing"),
        Wrong(
            "sinks:\n  chat:\n",
            "2:3: expected a mapping with kind: grafana, slack, http or sql, not nothing"),
        Wrong("sinks:\n  chat: slack\n", "2:9: expected a mapping with kind: grafana, slack, http or sql"),
        Wrong(
            "sinks:\n  chat: {kind: [slack], webhook: x}\n",
            "2:16: expected a kind, grafana, slack, http or sql, not a list"),
        Wrong(
            "sinks:\n  \"bad name\": {kind: slack, webhook: \"https://x.example\"}\n",
            "2:3: expected a name of 1 to 64 of the characters a-z, A-Z, 0-9, '.', '_' and '-'"),
        Wrong(
            "sinks:\n  chat: {kind: slack, webhook: not-an-address}\n",
            "2:32: expected an address that begins with https:// or http://, without user, password, or fragment"),
        Wrong(
            "sinks:\n  chat: {kind: slack, webhook: \"ftp://x\"}\n",
            "2:32: expected an address that begins with https:// or http://, without user, password, or fragment"),
        Wrong(
            "sinks:\n  chat: {kind: slack, webhook: [a]}\n",
            "2:32: expected an address that begins with https:// or http://, without user, password, or fragment, not a list"
        ),
        Wrong(
            "sinks:\n  chat: {kind: slack, webhook: \"\"}\n",
            "2:32: expected an address that begins with https:// or http://, without user, password, or fragment"),
        Wrong(
            "sinks:\n  chat: {kind: slack, webhook: }\n",
            "2:32: expected an address that begins with https:// or http://, without user, password, or fragment, not nothing"
        ),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhok: https://x.example\n",
            "3:5: the key webhook is missing", "4:5: the key webhok is not known here: was webhook meant?"),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\n    retry: {attempts: 0}\n",
            "5:23: expected a whole number, from 1"),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\n    retry: {attempts: many}\n",
            "5:23: expected a whole number, from 1"),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\n    retry: {schedule: [5s], attempts: 3}\n",
            "5:39: a schedule stands in the place of attempts: leave one of them out"),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\n    retry: {schedule: [5 s]}\n",
            "5:24: expected a duration such as 100ms, 5s, 5m or 1h"),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\n    retry: {schedule: 5s}\n",
            "5:23: expected a list of 1 to 100 durations such as [5s, 5m, 30m], or none"),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\n    backoff: {transient: {from: 5s, to: 1s}}\n",
            "5:26: expected `to` to be at least `from`"),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\n    timeout: {attempt: 10}\n",
            "5:24: expected a duration such as 100ms, 5s, 5m or 1h, more than 0"),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\n    timeout: 10s\n",
            "5:14: expected a mapping with attempt"),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\n    start: yesterday\n",
            "5:12: expected now, beginning, or a time such as 2026-01-02T03:04:05Z"),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\n    group: \"a b\"\n",
            "5:12: expected a name of 1 to 64 of the characters a-z, A-Z, 0-9, '.', '_' and '-'"),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\n    ordering: loose\n",
            "5:15: expected serial, unordered, or a mapping with key and lanes"),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\n    ordering: {key: branch}\n",
            "5:21: expected repository"),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\n    ordering: {lanes: 0}\n",
            "5:23: expected a whole number, 1 to 10000"),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\n    only: []\n",
            "5:11: expected a list with at least one entry such as `- event: [commitPushed]`, not an empty list"),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\n    only: {event: [commitPushed]}\n",
            "5:11: expected a list with at least one entry such as `- event: [commitPushed]`, not a mapping"),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\n    only: [{}]\n",
            "5:12: expected at least one of event, repository, branch, environment and service"),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\n    only: [{event: [commitPulled]}]\n",
            "5:21: expected commitPushed, commitDeployed, deploymentFailed, incidentOpened or incidentResolved: was commitPushed meant?"
        ),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\n    only: [{event: [commitDeployed], branch: [main]}]\n",
            "5:12: no event has all of this: it can match nothing"),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\n    only: [{branch: [refs/heads/main]}]\n",
            "5:22: expected a text of 1 to 255 bytes, without refs/heads/"),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\n    only: [{branch: [main], service: [web]}]\n",
            "5:12: no event has all of this: it can match nothing"),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\n    only: [{event: []}]\n",
            "5:20: expected a list of commitPushed, commitDeployed, deploymentFailed, incidentOpened and incidentResolved, not an empty list"
        ),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\n    only: [commitPushed]\n",
            "5:12: expected a mapping such as {event: [commitPushed]}"),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\n    only: [{repo: [acme/web]}]\n",
            "5:13: the key repo is not known here: was repository meant?"),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\n    only: [{repository: [\"\"]}]\n",
            "5:26: expected a text of 1 to 255 bytes, in which * stands for anything but /"),
        Wrong(
            "sinks:\n  g:\n    kind: grafana\n    url: https://x.example\n    token: t\n    digest: true\n",
            "6:5: the key digest is not known here; there are kind, destination, group, start, only, ordering, backoff, retry, timeout, deduplication, url, credentials and token"
        ),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\n    digest: often\n",
            "5:13: expected true or false"
        ),
        Wrong(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\n    digest: true\n    ordering: unordered\n",
            "6:15: a digest needs ordering: serial"
        ),
        Wrong(
            "sinks:\n  hook:\n    kind: http\n    url: https://x.example\n    body: '{\"a\": {{#commitPushed}}1{{/commitPushed}}{{#environment}}2{{/environment}}}'\n    only: [{event: [commitPushed, incidentOpened]}]\n",
            "5:11: line 1, column 75 of the template: it is no JSON for an event of the kind incidentOpened: expected a value"
        ),
        Wrong(
            "sinks:\n  chat: {kind: slack, webhook: https://x.example, digest: true}\n  chat-pushes: {kind: slack, webhook: https://x.example}\n",
            "3:3: the group log-to-chat-pushes is the sink chat's: give each sink a group of its own"
        ),
        Wrong(
            "sinks:\n  chat: {kind: slack, webhook: \"https://hooks.slack.com/services/T/B/x\"}\ndestinations:\n  chatt: {throttle: off}\n",
            "4:3: no sink delivers to chatt: was chat meant?"),
        Wrong(
            "sinks:\n  chat: {kind: slack, webhook: \"https://hooks.slack.com/services/T/B/x\"}\ndestinations:\n  grafana: {throttle: off}\n",
            "4:3: no sink delivers to grafana"),
        Wrong(
            "sinks:\n  chat: {kind: slack, webhook: \"https://hooks.slack.com/services/T/B/x\"}\ndestinations:\n  chat:\n    throttle: {rate: 1}\n",
            "5:22: expected a rate such as 1/s, 30/m or 1000/h, more than 0"),
        Wrong(
            "sinks:\n  chat: {kind: slack, webhook: \"https://hooks.slack.com/services/T/B/x\"}\ndestinations:\n  chat:\n    throttle: {rate: 1/d}\n",
            "5:22: expected a rate such as 1/s, 30/m or 1000/h, more than 0"),
        Wrong(
            "sinks:\n  chat: {kind: slack, webhook: \"https://hooks.slack.com/services/T/B/x\"}\ndestinations:\n  chat:\n    throttle: on\n",
            "5:15: expected a mapping such as {rate: 5/s, burst: 3}, or off"),
        Wrong(
            "sinks:\n  chat: {kind: slack, webhook: \"https://hooks.slack.com/services/T/B/x\"}\ndestinations:\n  chat:\n    throttle: {burst: 0}\n",
            "5:23: expected a whole number, from 1"),
        Wrong(
            "sinks:\n  chat: {kind: slack, webhook: \"https://hooks.slack.com/services/T/B/x\"}\ndestinations:\n  chat:\n    throttle: {after_429: thirds}\n",
            "5:27: expected halve, a mapping with factor and recovery, or off"),
        Wrong(
            "sinks:\n  chat: {kind: slack, webhook: \"https://hooks.slack.com/services/T/B/x\"}\ndestinations:\n  chat:\n    budget: {ratio: 0.2}\n",
            "5:21: expected a share such as 20%, at least 0%"),
        Wrong(
            "sinks:\n  chat: {kind: slack, webhook: \"https://hooks.slack.com/services/T/B/x\"}\ndestinations:\n  chat:\n    budget: {floor: 0/s}\n",
            "5:21: expected a rate such as 1/s, 30/m or 1000/h, more than 0"),
        Wrong(
            "sinks:\n  chat: {kind: slack, webhook: \"https://hooks.slack.com/services/T/B/x\"}\ndestinations:\n  chat:\n    budget: {cost: {throttled: 2, failed: 1}}\n",
            "5:13: expected cost.throttled to be at most cost.failed"),
        Wrong(
            "sinks:\n  chat: {kind: slack, webhook: \"https://hooks.slack.com/services/T/B/x\"}\ndestinations:\n  chat:\n    breaker: {success_below: 101%}\n",
            "5:30: expected a share such as 20%, more than 0%, at most 100%, or never"),
        Wrong(
            "sinks:\n  chat: {kind: slack, webhook: \"https://hooks.slack.com/services/T/B/x\"}\ndestinations:\n  chat:\n    breaker: {consecutive_failure: 3}\n",
            "5:15: the key consecutive_failure is not known here: was consecutive_failures meant?"),
        Wrong(
            "sinks:\n  chat: {kind: slack, webhook: \"https://hooks.slack.com/services/T/B/x\"}\ndestinations:\n  chat:\n    breaker: maybe\n",
            "5:14: expected a mapping with some of consecutive_failures, success_below, minimum_attempts, window, open, probes and force"
        ),
        Wrong(
            "sinks:\n  chat: {kind: slack, webhook: \"https://hooks.slack.com/services/T/B/x\"}\ndestinations:\n  chat:\n    concurrency: {mode: adaptive, limit: 8, maximum: 4}\n",
            "5:18: expected `maximum` to be at least `limit`"),
        Wrong(
            "sinks:\n  chat: {kind: slack, webhook: \"https://hooks.slack.com/services/T/B/x\"}\ndestinations:\n  chat:\n    retry_after: {maximum: 1w}\n",
            "5:28: expected a duration such as 100ms, 5s, 5m or 1h, more than 0"),
        Wrong(
            "sinks:\n  chat: {kind: slack, webhook: \"https://hooks.slack.com/services/T/B/x\"}\nsinks: {}\n",
            "3:1: the key sinks stands twice"),
        Wrong(
            "sinks:\n  a: {kind: slack, webhook: \"https://x.example\"}\n  a: {kind: slack, webhook: \"https://x.example\"}\n",
            "3:3: the key a stands twice"),
        Wrong(
            "sinks:\n  a: {kind: slack, webhook: \"https://x.example\", webhook: \"https://x.example\"}\n",
            "2:20: the key webhook stands twice"),
        Wrong(
            "sinks:\n  a: {kind: slack, webhook: \"https://x.example\", group: g}\n  b: {kind: slack, webhook: \"https://x.example\", group: g}\n",
            "3:57: the group g is the sink a's: give each sink a group of its own"),
        Wrong(
            "sinks:\n  a: {kind: slack, webhook: \"https://x.example\", group: log-to-b}\n  b: {kind: slack, webhook: \"https://x.example\"}\n",
            "3:3: the group log-to-b is the sink a's: give each sink a group of its own"),
        Wrong(
            "sinks:\n  a: &x {kind: slack}\n",
            "2:6: anchors and aliases are not taken: write the value out where it is wanted"),
        Wrong(
            "sinks:\n  a: *x\n",
            "2:6: it is not YAML: found undefined alias; a text that begins with one of * & @ ` % ! needs quotes"),
        Wrong(
            "sinks:\n  a: !!map {kind: slack}\n",
            "2:6: tags are not taken: leave out what begins with !"),
        Wrong(
            "sinks:\n  a: {kind: slack, webhook: ${X}}\n",
            "2:30: it is not YAML: while parsing a flow mapping: did not find expected ',' or '}'; inside of { } and [ ] write \"${…}\" in quotes"
        ),
        Wrong(
            "sinks:\n  a: {kind: slack, webhook: \"${X}\"}\n",
            "2:29: the variable X is not set: set it, or write ${X:-default}"),
        Wrong(
            "sinks:\n  a:\n    kind: slack\n    webhook: ${X\n",
            "4:14: the `${` has no `}`; a text with `${` in it is written `$${`"),
        Wrong(
            "sinks:\n  a:\n    kind: slack\n    webhook: ${X-Y}\n",
            "4:14: expected ${VARIABLE}, ${VARIABLE:-default} or ${file:PATH}; a text with `${` in it is written `$${`"),
        Wrong(
            "sinks:\n  a:\n    kind: slack\n    webhook: ${file:missing}\n",
            "4:14: the file missing does not exist"),
        Wrong(
            "sinks:\n  a:\n    kind: slack\n    webhook: ${file:big}\n",
            "4:14: the file big is larger than 64 KiB"),
        Wrong(
            "sinks:\n  a:\n    kind: slack\n    webhook: ${file:latin}\n",
            "4:14: the file latin is not text in UTF-8"),
        Wrong(
            "sinks:\n  a:\n    kind: slack\n    webhook: ${file:empty}\n",
            "4:14: the file empty is empty"),
        Wrong("sinks:\n  a:\n    kind: slack\n    webhook: ${file:.}\n", "4:14: the file . is a directory"),
        Wrong("sinks:\n  a:\n    kind: slack\n    webhook: ${file:}\n", "4:14: expected ${file:PATH}"),
        Wrong(
            "sinks:\n  a:\n    kind: slack\n    webhook: ${}\n",
            "4:14: expected ${VARIABLE}, ${VARIABLE:-default} or ${file:PATH}; a text with `${` in it is written `$${`"),
        Wrong(
            "sinks:\n  ${NAME}: {kind: slack}\n",
            "2:3: expected a name of 1 to 64 of the characters a-z, A-Z, 0-9, '.', '_' and '-'"),
        Wrong(
            "sources:\n  github: {}\n", "2:11: the key kind is missing: github, deployments, alertmanager or incidents"),
        Wrong(
            "sources:\n  github: {kind: gitlab}\n",
            "2:18: expected a kind, github, deployments, alertmanager or incidents: was github meant?"),
        Wrong(
            "sources:\n  github: {kind: github, token: x}\n",
            "2:26: the key token is not known here; there are kind and secret"),
        Wrong(
            "process: {bind: \":8080\"}\nsources:\n  github: {kind: github}\n",
            "3:3: the key secret is missing: webhooks are taken in beyond loopback (or set process.allow_unsigned: true)"
        ),
        Wrong(
            "process: {bind: \":8080\"}\nsources:\n  d: {kind: deployments}\n",
            "3:3: the key token is missing: webhooks are taken in beyond loopback (or set process.allow_unsigned: true)"
        ),
        Wrong(
            "process: {bind: \"127.0.0.1:9000\", metrics_bind: \"127.0.0.1:9000\"}\n",
            "1:49: process.metrics_bind: expected another address and port than process.bind"),
        Wrong(
            "process: {bind: nowhere}\n",
            "1:17: expected an address and a port, such as 127.0.0.1:8080, [::1]:8080, or :8080 for all interfaces"),
        Wrong("process: {shutdown_timeout: 20}\n", "1:29: expected a duration such as 90s or 2m, from 0s to 1h"),
        Wrong(
            "process: {http_idle_timeout: 2h}\n",
            "1:30: expected a duration such as 90s or 2m, from 1s to 1h"),
        Wrong(
            "process: {log_level: loud}\n",
            "1:22: expected one of trace, debug, info, notice, warning, error, critical"),
        Wrong("process: {allow_unsigned: maybe}\n", "1:27: expected true or false"),
        Wrong("process: {data: [a]}\n", "1:17: expected a path, not a list"),
        Wrong("process: {log_levl: info}\n", "1:11: the key log_levl is not known here: was log_level meant?"),
        Wrong("queue: {kind: redis}\n", "1:15: expected log or kafka"),
        Wrong("queue: {kind: kafka}\n", "1:8: the key brokers is missing: such as [\"localhost:9092\"]"),
        Wrong(
            "queue: {kind: kafka, brokers: []}\n",
            "1:31: expected host:port, without user or password, which have options of their own, not an empty list"),
        Wrong("queue: {kind: kafka, brokers: [nohost]}\n", "1:31: expected host:port"),
        Wrong(
            "queue: {brokers: [\"k:9092\"]}\n",
            "1:9: the key brokers is not known here; there are kind, retention, poison_retention, fact_retention, group_retention and ledger_retention"
        ),
        Wrong("queue: kafka\n", "1:8: expected a mapping such as {kind: log}"),
        Wrong("queue: {retention: 7}\n", "1:20: expected a duration such as 12h or 30d, from 14m24s to 36500d"),
        Wrong("queue: {retention: forever}\n", "1:20: expected a duration such as 12h or 30d, from 14m24s to 36500d"),
        Wrong(
            "queue: {kind: kafka, brokers: [\"k:9092\"], partitions: 0}\n",
            "1:55: expected a whole number from 1 to 10000"),
        Wrong(
            "queue: {poison_retention: 1GX}\n",
            "1:27: expected a size such as 500MB or 1GiB, from 1000000 bytes to 1024 TiB"),
        Wrong(
            "queue: {kind: kafka, brokers: [\"k:9092\"], properties: [a]}\n",
            "1:55: expected name=value, separated by commas, of properties that librdkafka has; a comma that belongs to a value may be written \\,, not a list"
        ),
        Wrong("simulator: {staging_delay: 5}\n", "1:28: expected a duration such as 90s or 2m, from 0s to 30d"),
        Wrong("simulator: yes\n", "1:12: expected a mapping"),
        Wrong(
            "sources:\n  d:\n    kind: deployments\n    token: t\n    amqp: {uri: \"http://x\"}\n",
            "5:17: expected amqp://user:password@host:port/vhost or amqps://…: AMQPConfiguration.uri: expected an AMQP URI: it must begin with amqp:// or amqps://"
        ),
        Wrong(
            "sources:\n  d:\n    kind: deployments\n    token: t\n    amqp: {url: \"amqp://x\"}\n",
            "5:12: the key url is not known here: was uri meant?"),
        Wrong(
            "sources:\n  d:\n    kind: deployments\n    token: t\n    amqp: amqp://x\n",
            "5:11: expected a mapping"),
        Wrong(
            "sinks:\n\tchat: {}\n",
            "2:1: it is not YAML: while scanning for the next token: found character that cannot start any token; indent with spaces, not tabs"
        ),
        Wrong(
            "a: 1\n---\nb: 2\n",
            "2:1: it is not YAML: expected a single document in the stream: but found another document; it is one document: what stands behind `---` goes into another file"
        ),
        Wrong(
            "sinks:\n  chat: {kind: http, url: \"https://x.example/{{repository}}\", body: \"{{#a}}\"}\n",
            "2:69: line 1, column 1 of the template: there is no field a: there are kind, commitPushed, commitDeployed, deploymentFailed, incidentOpened, incidentResolved, eventId, text, id, shortId, repository, message, title, author, ref, branch, url, environment, env, service, time, occurred_on, unixMs and unix"
        ),
        Wrong(
            "sinks:\n  chat: {kind: http, url: \"https://x.example\", answers: {success: [200], retry: [200]}}\n",
            "2:57: the status 200 stands twice"),
        Wrong(
            "sinks:\n  chat: {kind: http, url: \"https://x.example\", answers: {retry: [100]}}\n",
            "2:66: expected a status from 200 to 599, or a class such as 5xx"),
        Wrong(
            "sinks:\n  chat: {kind: http, preset: temas, url: \"https://x.example\"}\n",
            "2:30: expected teams, discord or pagerduty"),
        Wrong(
            "sinks:\n  chat: {kind: http, url: \"https://x.example\", method: FETCH}\n",
            "2:56: expected POST, PUT, PATCH, GET or DELETE"),
        Wrong(
            "sinks:\n  chat: {kind: http, url: \"https://x.example\", headers: [a]}\n",
            "2:57: expected a mapping of names of headers to texts, not a list"),
        Wrong(
            "defaults: {attempts: 3}\n",
            "1:12: the key attempts is not known here; there are ordering, backoff, retry, timeout, deduplication, throttle, concurrency, retry_after, budget and breaker"
        ),
        Wrong(
            "defaults: {retry: {attempts: 3, schedule: [1s]}}\n",
            "1:30: a schedule stands in the place of attempts: leave one of them out"),
        Wrong(
            "defaults: {throttle: {rate: fast}}\n",
            "1:29: expected a rate such as 1/s, 30/m or 1000/h, more than 0"),
        Wrong(
            "sinks:\n  chat: {kind: slack\n",
            "3:1: it is not YAML: while parsing a flow mapping: did not find expected ',' or '}'"),
        Wrong(
            "sinks: 'x\n",
            "1:8: it is not YAML: while scanning a quoted scalar: found unexpected end of stream; what begins here has no end"
        ),
        Wrong(
            "\"unclosed: x\n",
            "1:1: it is not YAML: while scanning a quoted scalar: found unexpected end of stream; what begins here has no end"
        ),
        Wrong("# nothing\n", "1:1: nothing stands here: expected sections such as sources and sinks"),
        Wrong(
            "sources:\n  github: {kind: github, secret: of-two,parts}\n",
            "2:41: the key is not known here; there are kind and secret"),
        Wrong("{}\n", "1:1: nothing stands here: expected sections such as sources and sinks"),
        Wrong(
            "sources:\n  github: {kind: github, secret:hunter2}\n",
            "2:26: the key is not known here: was secret meant?"),
        Wrong(
            "sinks:\n  chat: {kind: http, url: \"https://x.example\", cloudevents: fancy}\n",
            "2:61: expected binary, structured, a mapping with mode, source and type_prefix, or off"),
        Wrong(
            "sinks:\n  chat: {kind: grafana, url: \"https://g.example\", token: abc, credentials: \"a:b\"}\n",
            "2:58: expected only one of sinks.chat.credentials and sinks.chat.token"),
        Wrong(
            "sinks:\n  chat: {kind: grafana, url: \"https://g.example\"}\n",
            "2:30: expected sinks.chat.credentials or sinks.chat.token beside it"),
    ]
}
