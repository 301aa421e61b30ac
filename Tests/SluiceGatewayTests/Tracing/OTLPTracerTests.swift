import Foundation
import Sluice
import Testing
import Tracing

@testable import SluiceGateway

struct OTLPTracerTests {
    private let buffer = SpanBuffer(capacity: 4, batch: 2)
    private var tracer: OTLPTracer { OTLPTracer(buffer: buffer, sampler: .parentBasedAlwaysOn, ratio: 1) }

    private func carried(_ metadata: Metadata) -> Metadata {
        let span = tracer.startSpan("s", context: metadata.context(with: tracer))
        span.end()
        var next: Metadata = [:]
        next.inject(span.context, with: tracer)
        return next
    }

    @Test func handsOnTheStateOfATrace() throws {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        let next = carried(["traceparent": parent, "tracestate": "rojo=00f067aa0ba902b7, congo@x=t61rcWkgMzE"])
        #expect(next["tracestate"] == "rojo=00f067aa0ba902b7, congo@x=t61rcWkgMzE")
        let own = try #require(next["traceparent"])
        #expect(own.hasPrefix("00-4bf92f3577b34da6a3ce929d0e0e4736-") && own.hasSuffix("-01") && own != parent)
    }

    @Test(arguments: [
        "", "=", "a", "A=1", "a=b=c", "a=é", String(repeating: "a=1,", count: 33),
        "a=" + String(repeating: "x", count: 600),
        "a=1\u{0}",
    ])
    func dropsAStateThatIsNoneAndKeepsTheTrace(_ state: String) {
        let next = carried([
            "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": state,
        ])
        #expect(next["tracestate"] == nil)
        #expect(next["traceparent"]?.contains("4bf92f3577b34da6a3ce929d0e0e4736") == true)
    }

    @Test func aTraceThatIsNotSampledTravelsAndIsNotKept() {
        let next = carried(["traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"])
        #expect(next["traceparent"]?.hasPrefix("00-4bf92f3577b34da6a3ce929d0e0e4736-") == true)
        #expect(next["traceparent"]?.hasSuffix("-00") == true)
        #expect(buffer.count == 0)
    }

    @Test func aBufferThatIsFullDropsWhatComesAndCountsIt() {
        for _ in 0..<10 { tracer.startSpan("s", context: .topLevel).end() }
        #expect(buffer.count == 4)
        #expect(buffer.takeDropped() == 6)
        #expect(buffer.take().count == 2)
        #expect(buffer.take().count == 2)
        #expect(buffer.take().isEmpty)
        buffer.close()
        tracer.startSpan("s", context: .topLevel).end()
        #expect(buffer.count == 0)
        #expect(buffer.takeDropped() == 1)
    }

    @Test func aSecondEndAndWhatComesAfterItChangeNothing() throws {
        let span = tracer.startSpan("s", context: .topLevel)
        span.end()
        span.attributes["late"] = 1
        span.setStatus(SpanStatus(code: .error))
        span.end()
        let ended = buffer.take()
        #expect(ended.count == 1)
        #expect(ended.first?.attributes.isEmpty == true)
        #expect(ended.first?.status == nil)
    }

    @Test func writesEveryFieldAsOTLPHasItInJSON() throws {
        let tracer = tracer
        let other = tracer.startSpan("other", context: .topLevel)
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        let context = (["traceparent": parent, "tracestate": "a=1"] as Metadata).context(with: tracer)
        let span = tracer.startSpan(
            "attempt \"chat\"", context: context, ofKind: .client,
            at: DefaultTracerClock.Timestamp(nanosecondsSinceEpoch: 1_767_225_600_000_000_001))
        span.attributes["text"] = "grün\n"
        span.attributes["number"] = Int.max
        span.attributes["small"] = Int32(-3)
        span.attributes["flag"] = true
        span.attributes["fraction"] = 0.25
        span.attributes["nothing"] = Double.nan
        span.attributes["texts"] = ["a", "b"]
        span.attributes["long"] = String(repeating: "x", count: 5_000)
        for number in 0..<200 {
            span.addEvent(
                SpanEvent(
                    name: "e\(number)", at: DefaultTracerClock.Timestamp(nanosecondsSinceEpoch: 5),
                    attributes: ["n": .int64(Int64(number))]))
        }
        span.addLink(SpanLink(context: other.context, attributes: ["why": "because"]))
        span.setStatus(SpanStatus(code: .error, message: "unavailable"))
        span.end(at: DefaultTracerClock.Timestamp(nanosecondsSinceEpoch: 1_767_225_601_000_000_002))
        let encoder = OTLPEncoder(resource: [("service.name", "sluice"), ("team", "web")], version: "1.2.3")
        let bytes = encoder.encode(buffer.take())

        let root = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
        #expect(Array(root.keys) == ["resourceSpans"])
        let resourceSpans = try #require((root["resourceSpans"] as? [[String: Any]])?.first)
        let resource = try #require(resourceSpans["resource"] as? [String: Any])
        #expect(
            resource as NSDictionary == [
                "attributes": [
                    ["key": "service.name", "value": ["stringValue": "sluice"]],
                    ["key": "team", "value": ["stringValue": "web"]],
                ]
            ])
        let scopeSpans = try #require((resourceSpans["scopeSpans"] as? [[String: Any]])?.first)
        #expect(scopeSpans["scope"] as? NSDictionary == ["name": "sluice", "version": "1.2.3"])
        let written = try #require((scopeSpans["spans"] as? [[String: Any]])?.first)
        #expect(written["traceId"] as? String == "4bf92f3577b34da6a3ce929d0e0e4736")
        let id = try #require(written["spanId"] as? String)
        #expect(id.count == 16 && id.allSatisfy(\.isHexDigit) && id.lowercased() == id)
        #expect(written["parentSpanId"] as? String == "00f067aa0ba902b7")
        #expect(written["traceState"] as? String == "a=1")
        #expect(written["flags"] as? Int == 1)
        #expect(written["name"] as? String == "attempt \"chat\"")
        #expect(written["kind"] as? Int == 3)
        #expect(written["startTimeUnixNano"] as? String == "1767225600000000001")
        #expect(written["endTimeUnixNano"] as? String == "1767225601000000002")
        #expect(
            written["attributes"] as? NSArray == [
                ["key": "flag", "value": ["boolValue": true]], ["key": "fraction", "value": ["doubleValue": 0.25]],
                ["key": "long", "value": ["stringValue": String(repeating: "x", count: 1_024)]],
                ["key": "nothing", "value": ["doubleValue": "NaN"]],
                ["key": "number", "value": ["intValue": "9223372036854775807"]],
                ["key": "small", "value": ["intValue": "-3"]], ["key": "text", "value": ["stringValue": "grün\n"]],
                [
                    "key": "texts",
                    "value": ["arrayValue": ["values": [["stringValue": "a"], ["stringValue": "b"]]]],
                ],
            ])
        let events = try #require(written["events"] as? [[String: Any]])
        #expect(events.count == 128)
        #expect(written["droppedEventsCount"] as? Int == 72)
        #expect(
            events[1] as NSDictionary == [
                "timeUnixNano": "5", "name": "e1", "attributes": [["key": "n", "value": ["intValue": "1"]]],
            ])
        let link = try #require((written["links"] as? [[String: Any]])?.first)
        #expect(link["traceId"] as? String == other.context[TraceContext.self]?.span.traceID)
        #expect(link["spanId"] as? String == other.context[TraceContext.self]?.span.spanID)
        #expect(written["status"] as? NSDictionary == ["code": 2, "message": "unavailable"])
    }

    @Test(arguments: [
        (SpanKind.internal, 1), (.server, 2), (.client, 3), (.producer, 4), (.consumer, 5),
    ])
    func aRootHasNoParentAndItsKindIsANumber(_ kind: SpanKind, _ number: Int) throws {
        tracer.startSpan("s", context: .topLevel, ofKind: kind).end()
        let bytes = OTLPEncoder(resource: [], version: "1").encode(buffer.take())
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(text.contains("\"kind\":\(number),"))
        #expect(!text.contains("parentSpanId") && !text.contains("status") && !text.contains("traceState"))
    }

    @Test(
        arguments: [
            ("", 0, nil), ("{}", 0, nil), ("nonsense", 0, nil), ("[1]", 0, nil),
            (#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}"#, 3, "too old"),
            (#"{"partialSuccess":{"rejectedSpans":2}}"#, 2, nil),
            (#"{"partialSuccess":{"rejectedSpans":"-5"}}"#, 0, nil),
            (#"{"partialSuccess":{"rejectedSpans":1e99}}"#, 0, nil), (#"{"partialSuccess":7}"#, 0, nil),
        ] as [(String, Int, String?)])
    func readsWhatACollectorDidNotTake(_ body: String, _ rejected: Int, _ message: String?) {
        let partial = PartialSuccess(Array(body.utf8))
        #expect(partial.rejected == rejected)
        #expect(partial.message == message)
    }
}
