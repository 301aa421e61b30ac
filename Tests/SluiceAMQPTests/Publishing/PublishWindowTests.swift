import DequeModule
import Sluice
import Testing

@testable import SluiceAMQP

/// What a publisher keeps of its calls, without a broker.
struct PublishWindowTests {
    private struct Call {
        let call: PublishCall
        var ids: [MessageID] { call.messages.map(\.id) }

        init(_ count: Int, at start: MonotonicTime = MonotonicTime(nanoseconds: 0), size: Int = 1) {
            let messages = (0..<count).map { _ in Message(payload: [UInt8](repeating: 0, count: size)) }
            call = PublishCall(
                messages, messages.map { AMQPPublishing(body: $0.payload) }, to: "t", start: start)
        }

        /// How its task is let go on after `change`; a call that is not over by then is given `.pending`.
        func outcome(_ change: () -> Void) async -> Outcome {
            do {
                try await withUnsafeThrowingContinuation { continuation in
                    _ = call.wait(continuation)
                    change()
                    if !call.isFinished { call.finish(Pending()) }
                }
                return .published
            } catch let error as PublishError {
                return .failed(error.notAccepted, (error.underlying as? AMQPError)?.code)
            } catch is Pending {
                return .pending
            } catch {
                return .failed([], nil)
            }
        }
    }

    private struct Pending: Error {}

    private enum Outcome: Equatable {
        case published
        case pending
        case failed([MessageID], AMQPError.Code?)
    }

    private func window(_ change: (inout AMQPPublisher.Configuration) -> Void = { _ in }) -> PublishWindow {
        var options = AMQPPublisher.Configuration()
        options.publishTimeout = .seconds(10)
        change(&options)
        return PublishWindow(options, meter: nil)
    }

    /// Sends as much as there is room for.
    private func send(_ window: PublishWindow, upTo count: Int = .max) {
        var sent = 0
        while sent < count, window.hasRoom, let sending = window.next() {
            window.noteSent(sending)
            sent += 1
        }
    }

    private func second(_ number: Int64) -> MonotonicTime {
        MonotonicTime(nanoseconds: 0).advanced(by: .seconds(number))
    }

    @Test func aCallIsOverWhenAllOfItIsConfirmed() async {
        let window = window()
        let (one, other) = (Call(2), Call(1))
        window.add([one.call, other.call])
        send(window)
        #expect(window.unconfirmed == 3)
        #expect(await one.outcome { _ = window.confirm(1, multiple: false) { _ in nil } } == .pending)
        let late = Call(1)
        window.add([late.call])
        #expect(await other.outcome { _ = window.confirm(3, multiple: false) { _ in nil } } == .published)
        #expect(window.unconfirmed == 1 && !window.isEmpty)
        #expect(!window.confirm(3, multiple: false) { _ in nil }, "nothing is confirmed twice")
        send(window)
        #expect(await late.outcome { _ = window.confirm(0, multiple: true) { _ in nil } } == .published)
        #expect(window.isEmpty && window.unconfirmed == 0)
    }

    @Test func whatWasNotTakenIsNamedWithTheFirstReason() async {
        let window = window()
        let call = Call(4)
        window.add([call.call])
        send(window, upTo: 1)
        let outcome = await call.outcome {
            if let sending = window.next() { window.skip(sending, AMQPError(.tooLarge, "too large")) }
            send(window)
            _ = window.confirm(2, multiple: false) { _ in AMQPError(.refused, "refused") }
            _ = window.confirm(3, multiple: true) { _ in nil }
        }
        #expect(outcome == .failed([call.ids[1], call.ids[2]], .tooLarge))
    }

    @Test func theWindowHasRoomForSoManyMessagesAndBytes() {
        var window = window { $0.maxUnconfirmed = 3 }
        window.add([Call(5).call])
        send(window)
        #expect(window.unconfirmed == 3)
        _ = window.confirm(2, multiple: true) { _ in nil }
        send(window)
        #expect(window.unconfirmed == 3)
        window = self.window { $0.maxUnconfirmedBytes = 250 }
        window.add([Call(5, size: 100).call])
        send(window)
        #expect(window.unconfirmed == 3)
        _ = window.confirm(3, multiple: true) { _ in nil }
        #expect(window.hasRoom)
    }

    /// Sent or not, what is not confirmed in time was not accepted.
    @Test func aCallWhoseTimeIsOverNamesWhatIsNotConfirmed() async {
        let window = window { $0.maxUnconfirmed = 2 }
        let (early, late) = (Call(3), Call(1, at: second(5)))
        window.add([early.call, late.call])
        send(window)
        _ = window.confirm(1, multiple: false) { _ in nil }
        #expect(window.expire(second(9), nil) == second(10))
        var next: MonotonicTime?
        let outcome = await early.outcome { next = window.expire(second(10), nil) }
        #expect(next == second(15))
        #expect(outcome == .failed([early.ids[2], early.ids[1]], .timedOut))
        // The reason names the broker that could not be reached.
        let away = AMQPError(.unreachable, "away")
        #expect(await late.outcome { _ = window.expire(second(15), away) } == .failed(late.ids, .unreachable))
        #expect(window.isEmpty)
    }

    @Test func timeInWhichTheBrokerTakesNothingDoesNotCount() {
        let window = window()
        window.add([Call(1).call])
        window.extend(by: .seconds(60))
        #expect(window.expire(second(69), nil) == second(70))
    }

    /// What a lost connection may have taken or not is for its caller; what was not begun goes over the next one.
    @Test func aLostConnectionFailsWhatWasBegunAlone() async {
        let window = window { $0.maxUnconfirmed = 2 }
        let (begun, waiting) = (Call(3), Call(1))
        window.add([begun.call, waiting.call])
        send(window)
        let outcome = await begun.outcome { window.abandon { _ in AMQPError(.connectionLost, "lost") } }
        #expect(outcome == .failed(begun.ids, .connectionLost))
        #expect(window.unconfirmed == 0 && window.hasRoom)
        send(window)
        // The broker counts from 1 again.
        #expect(await waiting.outcome { _ = window.confirm(1, multiple: false) { _ in nil } } == .published)
    }

    /// A return says what came back, not which one it was.
    @Test func aReturnIsKnownByWhatCameBack() {
        let window = window()
        let messages: [Message] = [Message(payload: [1]), Message(payload: [2]), Message(payload: [2])]
        window.add([
            PublishCall(
                messages, messages.map { AMQPPublishing(body: $0.payload) }, to: "t",
                start: MonotonicTime(nanoseconds: 0))
        ])
        send(window)
        func returned(_ body: [UInt8]) -> ContentReader.Content {
            ContentReader.Content(
                announcement: .returned(code: 312, text: "NO_ROUTE"), exchange: "", routingKey: "t",
                properties: AMQPProperties(), raw: [], body: body, size: UInt64(body.count), isTooLarge: false,
                isKept: true)
        }
        for _ in 0..<2 {
            window.noteReturned(returned([2])) { _ in
                Issue.record("it was found"); return true
            }
        }
        var came: [MessageID] = []
        _ = window.confirm(3, multiple: true) { sent in
            if sent.isReturned { came.append(sent.id) }
            return nil
        }
        #expect(came == [messages[1].id, messages[2].id])
        // Where it cannot be told, all that went the same way counts as returned.
        window.add([Call(2).call])
        send(window)
        window.noteReturned(returned([9])) { $0 == "t" }
        var count = 0
        _ = window.confirm(0, multiple: true) { sent in
            if sent.isReturned { count += 1 }
            return nil
        }
        #expect(count == 2)
    }
}
