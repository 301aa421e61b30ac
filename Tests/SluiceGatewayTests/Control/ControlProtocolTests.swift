import Sluice
import Testing

@testable import SluiceGateway

/// The lines that go through the control socket.
struct ControlProtocolTests {
    private func read(_ text: String) throws(ControlFailure) -> ControlRequest {
        try ControlRequest(line: Array(text.utf8))
    }

    @Test func aRequestIsReadAsItWasWritten() throws {
        let request = ControlRequest(.pauseSink, ["sink": "slack", "reason": "a \"quote\"\nand ü", "none": nil])
        #expect(request.line.last == UInt8(ascii: "\n") && request.line.count { $0 == UInt8(ascii: "\n") } == 1)
        #expect(try ControlRequest(line: request.line.dropLast()) == request)
        #expect(
            try read(#"{"command":"groups.list","later":{"a":[1,2]},"version":1,"x":"y"}"#)
                == ControlRequest(.listGroups, ["x": "y"]))
    }

    @Test func whatCannotBeReadIsRefusedWithTheReason() {
        for (text, code) in [
            ("", ControlFailure.Code.malformed), ("{", .malformed), ("[]", .malformed), ("\u{0}", .malformed),
            (#"{"version":"1"}"#, .malformed), (#"{"version":1,"command":2}"#, .malformed),
            ("{}", .version), (#"{"version":2,"command":"groups.list"}"#, .version),
            (#"{"version":1}"#, .unknownCommand), (#"{"version":1,"command":"sinks.explode"}"#, .unknownCommand),
        ] {
            let failure = #expect(throws: ControlFailure.self) { try read(text) }
            #expect(failure?.code == code, "\(text)")
        }
    }

    @Test func anAnswerIsReadAsItWasWritten() throws {
        let items = [#"{"a":1}"#, #"{"b":[{"c":"}\n"}]}"#].map { Array($0.utf8) }
        let lines = ControlAnswer(items: items, text: "done", leads: false).lines
        var answer = ControlAnswer()
        var isOver = false
        for line in lines.split(separator: UInt8(ascii: "\n")) {
            #expect(!isOver)
            isOver = try answer.add(line: Array(line))
        }
        #expect(isOver && answer.items == items && answer.text == "done" && !answer.leads)

        let failure = ControlFailure(.notLeading, "another process")
        let told = #expect(throws: ControlFailure.self) {
            var answer = ControlAnswer()
            _ = try answer.add(line: ControlAnswer.lines(for: failure).dropLast())
        }
        #expect(told == failure)
        // Of a later version, or of nothing that we know.
        let unknown = #expect(throws: ControlFailure.self) {
            var answer = ControlAnswer()
            _ = try answer.add(line: Array(#"{"ok":false,"code":"of_later"}"#.utf8))
        }
        #expect(unknown?.code == .failed)
        #expect(throws: ControlFailure.self) {
            var answer = ControlAnswer()
            _ = try answer.add(line: Array("HTTP/1.1 400".utf8))
        }
    }

    @Test func aPauseIsReadAsItWasKept() {
        let pause = SinkPause(
            since: Timestamp(millisecondsSince1970: 1_700_000_000_000), reason: "the \"channel\" moves")
        #expect(SinkPause.decode(SinkPause.encode(pause)) == pause)
        #expect(SinkPause.decode(SinkPause.encode(nil)) == nil)
        // Whatever stands there, nothing is delivered until a person has looked.
        for text in ["", "{", "[]", #"{"paused":"no"}"#, "\u{0}"] {
            #expect(SinkPause.decode(Array(text.utf8))?.reason == "what is kept of it cannot be read", "\(text)")
        }
        #expect(SinkPause.decode(Array(#"{"since":7,"later":{}}"#.utf8)) != nil)
        #expect(SinkPause(since: .now(), reason: String(repeating: "x", count: 5_000)).reason?.count == 200)
    }
}

/// A client's part of the control socket, without the socket.
struct ControlConnectionTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000)

    private func after(_ duration: Duration) -> MonotonicTime { start.advanced(by: duration) }

    private func connection(_ change: (inout ControlConnection.Limits) -> Void = { _ in }) -> ControlConnection {
        var limits = ControlConnection.Limits()
        limits.request = 20
        limits.answer = 300
        change(&limits)
        return ControlConnection(limits, at: start)
    }

    @Test func oneRequestIsCarriedOutAfterTheOther() {
        var connection = connection()
        #expect(connection.receive(Array("on".utf8), at: start) == nil)
        #expect(connection.wantsToRead)
        #expect(connection.receive(Array("e\ntwo\nthr".utf8), at: start) == Array("one".utf8))
        #expect(!connection.wantsToRead && connection.unsent.isEmpty)
        // What comes meanwhile is left in the socket.
        #expect(connection.receive(Array("x".utf8), at: start) == nil)
        connection.answer(Array("answer\n".utf8), at: start)
        #expect(!connection.wantsToRead)
        #expect(connection.send(3, at: start) == nil)
        #expect(Array(connection.unsent) == Array("wer\n".utf8))
        #expect(connection.send(4, at: start) == Array("two".utf8))
        connection.answer([1], at: start)
        #expect(connection.send(1, at: start) == nil)
        #expect(connection.receive(Array("ee\n".utf8), at: start) == Array("three".utf8))
        #expect(!connection.isDone)
    }

    @Test(arguments: ["123456789012345678901", "123456789012345678901\n"])
    func aRequestThatIsTooLongIsRefusedAndTheConnectionEnds(text: String) {
        var connection = connection()
        #expect(connection.receive(Array(text.utf8), at: start) == nil)
        #expect(String(decoding: connection.unsent, as: UTF8.self).contains("at most 20 bytes"))
        #expect(!connection.wantsToRead && !connection.isDone)
        #expect(connection.send(connection.unsent.count, at: start) == nil)
        #expect(connection.isDone)
    }

    @Test func anAnswerThatIsTooLongIsAFailure() {
        var connection = connection()
        _ = connection.receive(Array("one\n".utf8), at: start)
        connection.answer([UInt8](repeating: 1, count: 301), at: start)
        #expect(String(decoding: connection.unsent, as: UTF8.self).contains("longer than 300 bytes"))
    }

    @Test func aSilentClientAndOneThatTakesNothingAreWaitedForSomeTimeAlone() {
        var connection = connection()
        #expect(connection.deadline == after(.seconds(10)))
        // Single bytes do not lengthen it.
        _ = connection.receive(Array("o".utf8), at: after(.seconds(9)))
        #expect(connection.deadline == after(.seconds(10)))
        _ = connection.receive(Array("ne\n".utf8), at: after(.seconds(9)))
        #expect(connection.deadline == nil, "a command has its own time")
        connection.answer([1, 2], at: after(.seconds(60)))
        #expect(connection.deadline == after(.seconds(70)))
        _ = connection.send(1, at: after(.seconds(65)))
        #expect(connection.deadline == after(.seconds(75)))
    }
}
