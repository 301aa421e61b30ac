import Testing

@testable import SluiceAMQP

struct ConnectionStateTests {
    @Test func tellsWhatChangedAndNothingElse() {
        var state = ConnectionState()
        #expect(state.current == AMQPConnectionState(isConnected: false, isBlocked: false, reason: "not connected yet"))
        #expect(after(&state) { $0.lose("refused") } == nil)
        #expect(state.current.reason == "refused")
        #expect(after(&state) { $0.connect() } == .connected(again: false))
        #expect(after(&state) { $0.connect() } == nil)
        #expect(state.current == AMQPConnectionState(isConnected: true, isBlocked: false, reason: nil))
        #expect(after(&state) { $0.block("low on memory") } == .blocked("low on memory"))
        #expect(after(&state) { $0.block("low on disk") } == nil)
        #expect(state.current.isBlocked)
        #expect(state.current.reason == "the broker takes no messages: low on memory")
        #expect(after(&state) { $0.block(nil) } == .unblocked)
        #expect(after(&state) { $0.block(nil) } == nil)
        #expect(after(&state) { $0.block("again") } == .blocked("again"))
        #expect(after(&state) { $0.lose("gone") } == .lost("gone"))
        #expect(state.current == AMQPConnectionState(isConnected: false, isBlocked: false, reason: "gone"))
        #expect(after(&state) { $0.connect() } == .connected(again: true))
        #expect(!state.current.isBlocked)
    }
}
