import Foundation
import GatewayTestSupport
import SluiceTesting
import Testing

@testable import SluiceGateway

/// Whatever is done to a file, it is read or refused, and each refusal has a line and says something.
struct FileFuzzTests {
    private static let text = """
        process: {log_level: info, shutdown_timeout: 20s}
        sources:
          github: {kind: github, secret: "${SECRET:-word}"}
          deploys: {kind: deployments, token: t, amqp: {uri: "amqp://u:p@localhost:5672/", declare: false}}
        queue:
          kind: kafka
          brokers: ["k1:9092", "k2:9092"]
          retention: 400d
        defaults:
          timeout: {attempt: 10s}
          retry: {attempts: 5, max_elapsed: 5m, hand_back_after: 5s, exhausted: redeliver}
          backoff: {transient: {from: 100ms, to: 30s}, throttled: {from: 1s, to: 5m}, jitter: full}
        destinations:
          chat:
            throttle: {rate: 1/s, burst: 3, after_429: halve}
            concurrency: {mode: adaptive, limit: 2, maximum: 20}
            budget: {ratio: 20%, window: 10s, floor: 1/s, cost: {failed: 1, throttled: 0.36}}
            breaker: {consecutive_failures: 7, success_below: 80%, open: {from: 1s, to: 5m}, force: auto}
        sinks:
          grafana: {kind: grafana, url: "https://grafana.example.org", token: "${file:word}"}
          first:
            kind: slack
            webhook: ${WEBHOOK}
            destination: chat
            start: now
            only:
              - event: [commitDeployed, deploymentFailed]
                environment: [production]
              - {repository: ["acme/web-*"], branch: [main]}
          audit:
            kind: http
            url: https://audit.example.org
            body: '{"text": "{{text}}"}'
            headers: {Authorization: "Bearer ${WEBHOOK}"}
            answers: {success: [202], poison: [400, 413], retry: [408, 429, 5xx]}
            ordering: {key: repository, lanes: 8}
            retry: {schedule: [5s, 5m, 30m, 2h]}
        """

    private static let environment = ["WEBHOOK": "https://hooks.slack.com/services/T/B/x"]

    private static func mutate(_ bytes: inout [UInt8], using random: inout SeededGenerator) {
        guard !bytes.isEmpty else { return bytes.append(UInt8(ascii: "{")) }
        let marks = Array("{}[]\"':,&*!|>%@`#-?$ \n\t\r0:\u{1}é".utf8)
        let index = Int.random(in: bytes.indices, using: &random)
        let length = min(bytes.count - index, Int.random(in: 1...24, using: &random))
        switch Int.random(in: 0..<9, using: &random) {
        case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes[index] = marks.randomElement(using: &random) ?? 0
        case 2: bytes.insert(marks.randomElement(using: &random) ?? 0, at: index)
        case 3: bytes.removeSubrange(index..<index + length)
        case 4: bytes.removeSubrange(index...)
        case 5:
            let copied = Array(bytes[index..<index + length])
            bytes.insert(contentsOf: copied, at: Int.random(in: bytes.indices, using: &random))
        default:
            var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map(Array.init)
            let (one, other) = (
                Int.random(in: lines.indices, using: &random), Int.random(in: lines.indices, using: &random)
            )
            switch Int.random(in: 0..<4, using: &random) {
            case 0: lines.swapAt(one, other)
            case 1: lines.remove(at: one)
            case 2: lines.insert(lines[one], at: other)
            default: lines[one] = Array("  ".utf8) + lines[one]
            }
            bytes = Array(lines.joined(separator: [UInt8(ascii: "\n")]))
        }
    }

    @Test(.timeLimit(.minutes(60)), arguments: 0..<4 as Range<UInt64>)
    func aMutatedFileIsReadOrRefusedWithALineForLong(seed: UInt64) throws {
        let file = try FileForTests(Self.text, others: ["word": "of-a-file"])
        #expect(file.faults(Self.environment) == [])
        var random = SeededGenerator(seed: seed)
        var (refused, taken) = (0, 0)
        for round in 0..<Soak.count(250_000) {
            var bytes = Array(Self.text.utf8)
            for _ in 0..<Int.random(in: 1...4, using: &random) { Self.mutate(&bytes, using: &random) }
            try file.write(bytes)
            do {
                let configuration = try file.read(Self.environment)
                taken += 1
                // What can be read can be run and printed.
                try configuration.validate()
                _ = configuration.effectiveText
            } catch let error as FileFaults {
                refused += 1
                let lines = bytes.count { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") } + 2
                let isTold = error.faults.allSatisfy {
                    $0.line >= 1 && $0.line <= lines && $0.column >= 1 && $0.text.count > 5
                }
                #expect(
                    !error.faults.isEmpty && isTold && !"\(error)".contains("\u{1B}"), "seed \(seed), round \(round)")
            } catch {
                Issue.record("seed \(seed), round \(round): \(error)\n\(String(decoding: bytes, as: UTF8.self))")
            }
        }
        #expect(refused > 0 && taken > 0)
    }
}
