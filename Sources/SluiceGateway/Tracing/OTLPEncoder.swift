import Sluice
import Tracing

/// Writes spans as OTLP has them in JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): ids are digits of
/// hexadecimal, enumerations are numbers, 64-bit numbers are texts.
struct OTLPEncoder: Sendable {
    /// A longer text is cut.
    static let longestText = 1_024

    /// Attributes of the process, each name once.
    let resource: [(name: String, value: String)]
    let version: String

    func encode(_ spans: [SpanRecord]) -> [UInt8] {
        JSONWriter.object(capacity: 1_024 * (spans.count + 1)) { json in
            json.name("resourceSpans")
            json.array { json in
                json.object { json in
                    json.name("resource")
                    json.object { json in
                        json.name("attributes")
                        json.array { json in
                            for (name, value) in resource { Self.attribute(name, .string(value), &json) }
                        }
                    }
                    json.name("scopeSpans")
                    json.array { json in
                        json.object { json in
                            json.name("scope")
                            json.object { json in
                                json.member("name", "sluice")
                                json.member("version", version)
                            }
                            json.name("spans")
                            json.array { json in
                                for span in spans { Self.span(span, &json) }
                            }
                        }
                    }
                }
            }
        }
    }

    private static func span(_ span: SpanRecord, _ json: inout JSONWriter) {
        json.object { json in
            json.member("traceId", span.span.traceID)
            json.member("spanId", span.span.spanID)
            json.member("traceState", ifPresent: span.state)
            if let parent = span.parent {
                json.member("parentSpanId", TraceParent(high: 0, low: 0, span: parent, isSampled: true).spanID)
            }
            // The sampled bit of W3C's flags.
            json.member("flags", 1)
            json.member("name", cut(span.name))
            json.member("kind", span.kind.number)
            json.member("startTimeUnixNano", String(span.start))
            json.member("endTimeUnixNano", String(span.end))
            attributes(span.attributes, &json)
            if !span.events.isEmpty {
                json.name("events")
                json.array { json in
                    for event in span.events {
                        json.object { json in
                            json.member("timeUnixNano", String(event.nanosecondsSinceEpoch))
                            json.member("name", cut(event.name))
                            attributes(event.attributes, &json)
                        }
                    }
                }
            }
            dropped("Events", span.droppedEvents, &json)
            let links = span.links.compactMap { link in link.context[TraceContext.self].map { ($0, link.attributes) } }
            if !links.isEmpty {
                json.name("links")
                json.array { json in
                    for (context, linked) in links {
                        json.object { json in
                            json.member("traceId", context.span.traceID)
                            json.member("spanId", context.span.spanID)
                            json.member("traceState", ifPresent: context.state)
                            attributes(linked, &json)
                        }
                    }
                }
            }
            dropped("Links", span.droppedLinks, &json)
            if let status = span.status {
                json.name("status")
                json.object { json in
                    json.member("code", status.code == .ok ? 1 : 2)
                    json.member("message", ifPresent: status.message.map(cut))
                }
            }
        }
    }

    private static func attributes(_ attributes: SpanAttributes, _ json: inout JSONWriter) {
        guard !attributes.isEmpty else { return }
        var entries: [(String, SpanAttribute)] = []
        attributes.forEach { entries.append(($0, $1)) }
        entries.sort { $0.0 < $1.0 }
        json.name("attributes")
        json.array { json in
            for (name, value) in entries.prefix(SpanRecord.limit) { attribute(name, value, &json) }
        }
        dropped("Attributes", entries.count - SpanRecord.limit, &json)
    }

    private static func dropped(_ what: String, _ count: Int, _ json: inout JSONWriter) {
        if count > 0 { json.member("dropped\(what)Count", Int64(count)) }
    }

    private static func attribute(_ name: String, _ value: SpanAttribute, _ json: inout JSONWriter) {
        json.object { json in
            json.member("key", cut(name))
            json.name("value")
            json.object { json in Self.value(value, &json) }
        }
    }

    private static func value(_ value: SpanAttribute, _ json: inout JSONWriter) {
        switch value {
        case .int32(let number): json.member("intValue", String(number))
        case .int64(let number): json.member("intValue", String(number))
        case .double(let number):
            json.name("doubleValue")
            json.number(number)
        case .bool(let flag): json.member("boolValue", flag)
        case .string(let text): json.member("stringValue", cut(text))
        case .stringConvertible(let text): json.member("stringValue", cut("\(text)"))
        case .int32Array(let numbers): list(numbers.map { .int64(Int64($0)) }, &json)
        case .int64Array(let numbers): list(numbers.map { .int64($0) }, &json)
        case .doubleArray(let numbers): list(numbers.map { .double($0) }, &json)
        case .boolArray(let flags): list(flags.map { .bool($0) }, &json)
        case .stringArray(let texts): list(texts.map { .string($0) }, &json)
        case .stringConvertibleArray(let texts): list(texts.map { .string("\($0)") }, &json)
        // Kinds to come.
        default: json.member("stringValue", "")
        }
    }

    private static func list(_ values: [SpanAttribute], _ json: inout JSONWriter) {
        json.name("arrayValue")
        json.object { json in
            json.name("values")
            json.array { json in
                for value in values.prefix(SpanRecord.limit) {
                    json.object { json in Self.value(value, &json) }
                }
            }
        }
    }

    private static func cut(_ text: String) -> String {
        guard text.utf8.count > longestText else { return text }
        // What is cut within a character is replaced.
        return String(decoding: text.utf8.prefix(longestText), as: UTF8.self)
    }
}

extension SpanKind {
    /// In OTLP.
    fileprivate var number: Int64 {
        switch self {
        case .internal: 1
        case .server: 2
        case .client: 3
        case .producer: 4
        case .consumer: 5
        }
    }
}
