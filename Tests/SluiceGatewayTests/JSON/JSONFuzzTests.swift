import Foundation
import Sluice
import SluiceGateway
import SluiceTesting
import Testing

struct JSONFuzzTests {
    /// Whatever is done to a body, every reader returns or throws, and the reader of JSON agrees with Foundation's.
    private func fuzz(_ original: [UInt8], rounds: Int, seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<rounds {
            var bytes = original
            for _ in 0..<Int.random(in: 1...4, using: &random) { mutate(&bytes, using: &random) }
            let isValid = (try? JSONReader.validate(bytes)) != nil
            if disagrees(isValid, bytes) {
                Issue.record(
                    "\(isValid ? "accepted" : "refused") \(String(decoding: bytes.prefix(2_000), as: UTF8.self))")
                return
            }
            for event in ["push", "deployment_status", "ping", nil] as [String?] {
                let outcome = try? GitHubSource.read(Fixtures.webhook(event, bytes))
                if !isValid, !bytes.starts(with: "payload=".utf8) { #expect(outcome == nil) }
            }
            _ = try? DeploymentsSource.read(Message(payload: bytes))
            _ = try? Event(Message(metadata: ["event_type": "commitPushed"], payload: bytes))
            _ = try? GrafanaAnnotation.answer(bytes, holds: "x")
        }
    }

    private func disagrees(_ isValid: Bool, _ bytes: [UInt8]) -> Bool {
        // Foundation takes other encodings by their byte order mark or zeros, takes a comma before a closing bracket,
        // and refuses numbers that a double cannot hold; none of that is the grammar's.
        if bytes.contains(0) || bytes.starts(with: [0xEF, 0xBB, 0xBF]) || bytes.starts(with: [0xFF, 0xFE])
            || bytes.starts(with: [0xFE, 0xFF])
        {
            return false
        }
        let referee = (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) != nil
        // Half a surrogate pair is taken for U+FFFD, which Foundation refuses.
        return referee
            ? !isValid && !hasTrailingComma(bytes) : isValid && !hasExponent(bytes) && !hasSurrogateEscape(bytes)
    }

    private func hasTrailingComma(_ bytes: [UInt8]) -> Bool {
        let solid = bytes.filter { $0 > 0x20 }
        return zip(solid, solid.dropFirst()).contains {
            $0 == UInt8(ascii: ",") && ($1 == UInt8(ascii: "}") || $1 == UInt8(ascii: "]"))
        }
    }

    private func hasSurrogateEscape(_ bytes: [UInt8]) -> Bool {
        String(decoding: bytes, as: UTF8.self).lowercased().contains("\\ud")
    }

    private func hasExponent(_ bytes: [UInt8]) -> Bool {
        bytes.indices.dropFirst().contains {
            bytes[$0] | 0x20 == UInt8(ascii: "e") && bytes[$0 - 1] >= 0x30 && bytes[$0 - 1] <= 0x39
        }
    }

    private func mutate(_ bytes: inout [UInt8], using random: inout SeededGenerator) {
        guard !bytes.isEmpty else { return bytes.append(UInt8(ascii: "{")) }
        let index = Int.random(in: bytes.indices, using: &random)
        let length = min(bytes.count - index, Int.random(in: 1...16, using: &random))
        let structural = Array("{}[]\",:\\u0dD8eE+-. \n\u{1}é".utf8)
        switch Int.random(in: 0..<7, using: &random) {
        case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes[index] = structural.randomElement(using: &random) ?? 0x7B
        case 2: bytes.insert(structural.randomElement(using: &random) ?? 0x7B, at: index)
        case 3: bytes.removeSubrange(index..<index + length)
        case 4: bytes.removeSubrange(index...)
        case 5:
            bytes.insert(contentsOf: bytes[index..<index + length], at: Int.random(in: bytes.indices, using: &random))
        default: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        }
    }

    @Test(arguments: [Fixtures.push, Fixtures.stub, Fixtures.deploymentStatus])
    func neverTrapsOnAMutatedFixture(json: String) {
        fuzz(Array(json.utf8), rounds: 1_500, seed: 1)
    }

    @Test func neverTrapsOnATruncatedFixture() {
        let bytes = Array(Fixtures.push.utf8)
        for length in 0..<bytes.count {
            #expect((try? GitHubSource.read(Fixtures.webhook("push", Array(bytes.prefix(length))))) == nil)
        }
    }

    @Test(arguments: Payload.madeUp + Payload.real)
    func neverTrapsOnAMutatedPayload(payload: Payload) {
        fuzz(payload.body, rounds: 60, seed: 2)
    }
}
