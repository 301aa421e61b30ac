import Sluice

/// As `sluice why --format json` writes it: docs/WHY.md.
extension Stories {
    static let version: Int64 = 1

    var json: [UInt8] {
        JSONWriter.object(capacity: 4_096) { json in
            json.member("version", Self.version)
            json.member("id", id)
            json.name("messages")
            json.array { json in
                for story in stories { json.object(story.write) }
            }
            json.member("left_out", Int64(leftOut))
        }
    }
}

extension Story {
    fileprivate func write(_ json: inout JSONWriter) {
        json.member("id", message)
        json.member("event", ifPresent: event)
        json.member("key", ifPresent: key)
        json.member("commit", ifPresent: commit)
        json.member("correlation_id", ifPresent: correlation)
        json.member("github_delivery", ifPresent: delivery)
        json.member("incident", ifPresent: incident)
        json.name("taken_in")
        json.array { json in
            for taking in taken {
                json.object { json in
                    json.member("time", RFC3339.format(taking.time))
                    json.member("route", taking.route)
                }
            }
        }
        json.name("queue")
        json.array { json in
            for position in positions {
                json.object { json in
                    if let partition = position.partition { json.member("partition", Int64(partition)) }
                    json.member("offset", position.offset)
                    json.member("time", ifPresent: position.time.map(RFC3339.format))
                }
            }
        }
        json.name("sinks")
        json.array { json in
            for part in parts { json.object(part.write) }
        }
    }
}

extension StoryPart {
    fileprivate func write(_ json: inout JSONWriter) {
        json.member("route", route)
        json.member("sink", ifPresent: sink)
        json.member("destination", ifPresent: destination)
        json.member("state", state.description)
        json.member("since", ifPresent: since.map(RFC3339.format))
        json.member("reason", ifPresent: reason)
        json.name("waits_for")
        json.array { json in
            for wait in waits {
                json.object { json in
                    json.member("what", wait.what)
                    json.member("until", ifPresent: wait.until.map(RFC3339.format))
                    json.member("words", wait.words)
                }
            }
        }
        json.name("attempts")
        json.array { json in
            for attempt in attempts { json.object(attempt.write) }
        }
        json.member("attempts_left_out", Int64(attemptsLeftOut))
        json.name("ends")
        json.array { json in
            for end in ends {
                json.object { json in
                    json.member("time", RFC3339.format(end.time))
                    json.member("outcome", end.code.word)
                }
            }
        }
    }
}

extension StoryPart.Attempt {
    fileprivate func write(_ json: inout JSONWriter) {
        json.member("time", RFC3339.format(time))
        json.member("attempt", number)
        if isAgain { json.member("again", true) }
        json.member("result", code.word)
        json.member("reason", ifPresent: reason)
        if let retryAfter {
            json.name("retry_after_seconds")
            json.number(retryAfter.inSeconds)
        }
        json.name("seconds")
        json.number(Double(duration) / 1e6)
        json.name("waited_seconds")
        json.object { json in
            for wait in waits {
                json.name(wait.stage)
                json.number(Double(wait.microseconds) / 1e6)
            }
        }
    }
}
