import CZlib
import SluiceTesting
import Testing

@testable import SluicePrometheus

struct NegotiationTests {
    static let openMetricsAccepts = [
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
            + "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
            + "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
            + "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
        "application/openmetrics-text",
        "APPLICATION/OpenMetrics-Text; Version=1.0.0; Charset=utf-8",
        "application/openmetrics-text; version=\"1.0.0\"",
        "application/openmetrics-text;x=\"a,b;q=0\";version=1.0.0, text/plain;q=0.9",
        "application/openmetrics-text;x=\"\\\"\", text/plain;q=0.1",
        "text/plain;q=0.5, application/openmetrics-text;q=0.6",
        "*/*, application/openmetrics-text",
        "application/openmetrics-text, */*",
        "text/plain;q=0, */*",
        "text/plain;q=0, application/openmetrics-text;q=0.001",
        "application/*, text/plain;q=0.9",
        " , ,application/openmetrics-text ,",
        "application/openmetrics-text, text/plain",
        "application/openmetrics-text;q=1.000, text/plain;q=0.999",
        "text/plain;version=0.0.5, application/openmetrics-text;q=0.1",
        "text/plain;q=2, application/openmetrics-text;q=0.1",
    ]

    static let textAccepts: [String?] = [
        nil, "", " ", ",", "*/*", "*", "text/plain", "text/*", "text/html", "application/json", "garbage", ";;;", "\"",
        "=",
        "text/plain;version=0.0.4",
        "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
        "application/openmetrics-text;q=0", "application/openmetrics-text;q=0.0, */*",
        "application/openmetrics-text;q=0.000",
        "application/openmetrics-text;version=0.0.1", "application/openmetrics-text;version=2.0.0",
        "application/openmetrics-text;version=1.0.0;q=0, application/openmetrics-text",
        "application/openmetrics-text;q=0.5, text/plain;q=0.6",
        "text/plain, application/openmetrics-text", "text/plain;q=0.5, application/openmetrics-text;q=0.5",
        "application/openmetrics-text;q=abc", "application/openmetrics-text;q=",
        "application/openmetrics-text;q=1.0000",
        "application/openmetrics-text;q=-1", "application/openmetrics-text;q=1.5", "application/openmetrics-text;q=NaN",
        "application/openmetrics-text;q=.5",
        "application/openmetrics-text;q=0.5, text/*", "application/openmetrics-text-x",
        "x=\"application/openmetrics-text", "text/plain;q=0",
        "text/plain, */*;q=0.1", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily",
    ]

    @Test(arguments: openMetricsAccepts) func choosesOpenMetrics(accept: String) {
        #expect(Negotiation.format(accept: accept) == .openMetrics)
    }

    @Test(arguments: textAccepts) func choosesText(accept: String?) {
        #expect(Negotiation.format(accept: accept) == .text)
    }

    @Test(arguments: [
        "gzip", "GZIP", "x-gzip", "*", "gzip, deflate, br", "deflate;q=0.5, gzip;q=0.001", "*;q=0.5", "br, *;q=0.1",
        "gzip;q=1.0, identity;q=0.5", "gzip, identity", "identity;q=0, gzip;q=0.1",
    ])
    func compresses(encoding: String) {
        #expect(Negotiation.acceptsGzip(encoding))
    }

    @Test(arguments: [
        nil, "", "identity", "br", "gzip;q=0", "gzip;q=0.0, *", "*;q=0", "deflate", "gzipped", "identity, gzip;q=0.5",
        "gzip;q=x", "identity;q=0",
    ])
    func doesNotCompress(encoding: String?) {
        #expect(!Negotiation.acceptsGzip(encoding))
    }

    @Test func anyBytesInAHeaderAreSurvived() {
        var generator = SystemRandomNumberGenerator()
        let alphabet = Array("application/openmetrics-text*;,=\"\\ q01.9\t\u{e9}é".unicodeScalars)
        for _ in 0..<3_000 {
            var text = ""
            for _ in 0..<Int.random(in: 0...40, using: &generator) {
                text.unicodeScalars.append(alphabet.randomElement(using: &generator) ?? "x")
            }
            _ = Negotiation.format(accept: text)
            _ = Negotiation.acceptsGzip(text)
        }
    }

    @Test func theAnswerCarriesItsHeaders() throws {
        let registry = makeEverything()
        let plain = registry.scrape(accept: nil, acceptEncoding: nil)
        #expect(plain.contentType == "text/plain; version=0.0.4; charset=utf-8")
        #expect(plain.contentEncoding == nil)
        #expect(plain.vary == "Accept, Accept-Encoding")
        let packed = registry.scrape(accept: Self.openMetricsAccepts[0], acceptEncoding: "gzip")
        #expect(packed.contentType == "application/openmetrics-text; version=1.0.0; charset=utf-8")
        #expect(packed.contentEncoding == "gzip")
        #expect(packed.body.starts(with: [0x1F, 0x8B]))
        let body = try #require(inflated(packed.body))
        #expect(String(decoding: body, as: UTF8.self).hasSuffix("\n# EOF\n"))
    }

    @Test(arguments: [0, 1, 100, 1 << 20, (1 << 20) + 1, 5_000_000]) func gzipGivesBackEveryByte(count: Int) throws {
        // Noise does not compress, so that the output outgrows every buffer.
        let noise = (0..<(count + 7) / 8).map { _ in UInt64.random(in: .min ... .max) }
        let body = noise.withUnsafeBytes { Array($0.prefix(count)) }
        for level in 1...9 where level == 1 || count < 1_000 {
            let packed = try #require(Gzip.compress(body, level))
            #expect(inflated(packed) == body)
        }
    }

    private func inflated(_ packed: [UInt8]) -> [UInt8]? {
        var stream = z_stream()
        guard sluice_inflate_init_gzip(&stream) == Z_OK else { return nil }
        defer { inflateEnd(&stream) }
        var packed = packed
        var result: [UInt8] = []
        var output = [UInt8](repeating: 0, count: 1 << 16)
        return packed.withUnsafeMutableBufferPointer { input in
            stream.next_in = input.baseAddress
            stream.avail_in = uInt(input.count)
            while true {
                let (code, count) = output.withUnsafeMutableBufferPointer { output in
                    stream.next_out = output.baseAddress
                    stream.avail_out = uInt(output.count)
                    let code = inflate(&stream, Z_NO_FLUSH)
                    return (code, output.count - Int(stream.avail_out))
                }
                result.append(contentsOf: output.prefix(count))
                if code == Z_STREAM_END { return result }
                if code != Z_OK { return nil }
            }
        }
    }
}
