import Sluice
import Synchronization

/// The event that a sink's route has in hand: decoded once, when it is first asked for, for as long as it is in the chain.
///
/// A value of the task, because it has to reach the sink, which is a Publisher and gets messages.
final class EventInHand: Sendable {
    @TaskLocal static var current: EventInHand?

    private struct State {
        var event: Result<Event, SourceError>?
        var mayBeDelivered = false
    }

    /// How a message is decoded.
    typealias Decode = @Sendable (Message) throws(SourceError) -> Event

    private let message: Message
    private let decode: Decode
    private let state = Mutex(State())

    init(_ message: Message, decode: @escaping Decode = { message throws(SourceError) in try Event(message) }) {
        self.message = message
        self.decode = decode
    }

    /// - Throws: why there is no event in the message.
    func event() throws(SourceError) -> Event {
        if let event = state.withLock(\.event) { return try event.get() }
        let event = Result { () throws(SourceError) in try decode(message) }
        state.withLock { $0.event = event }
        return try event.get()
    }

    /// The delivery of this message, which is the one in hand unless a middleware has made another.
    static func delivery(of message: Message) throws(SourceError) -> SinkDelivery {
        guard let current, current.message.id == message.id, current.message.payload == message.payload else {
            return SinkDelivery(try Event(message), message, mayBeDelivered: true)
        }
        return SinkDelivery(
            try current.event(), message, mayBeDelivered: current.state.withLock(\.mayBeDelivered))
    }

    /// Says whether an attempt before the one that begins may have delivered it.
    func note(mayBeDelivered: Bool) {
        state.withLock { $0.mayBeDelivered = mayBeDelivered }
    }
}

/// Takes each event in hand for what comes behind it in the chain.
struct TakeInHand: Middleware {
    private let decode: EventInHand.Decode

    /// - Parameter decode: default: as events are written.
    init(decode: @escaping EventInHand.Decode = { message throws(SourceError) in try Event(message) }) {
        self.decode = decode
    }

    func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        { [decode] message, context in
            try await EventInHand.$current.withValue(EventInHand(message, decode: decode)) {
                try await next(message, context)
            }
        }
    }
}
