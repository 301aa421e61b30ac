import SluiceTesting
import Synchronization

@testable import Sluice

/// Two serial routes to one destination, of which one goes first where both wait.
final class StandingScene: Sendable {
    struct Attempt: Sendable {
        let at: Duration
        let route: String
        let number: Int
    }

    enum Kind {
        case urgentBeforePlain, liveBeforePatient

        var names: (ahead: String, behind: String) {
            switch self {
            case .urgentBeforePlain: ("urgent", "plain")
            case .liveBeforePatient: ("live", "patient")
            }
        }
    }

    let attempts = Journal<Attempt>()
    let ahead: Source
    let behind: Source
    let router: Router
    let destination: Destination
    let time: RouterTime

    /// The route behind is added first, so that nothing follows from the order of adding.
    init(
        _ kind: Kind, _ configuration: Destination.Configuration, _ time: RouterTime,
        middlewares: [any Middleware] = [Retry()],
        _ answer: @escaping @Sendable (Attempt) async throws -> Void = { _ in }
    ) throws {
        self.time = time
        (ahead, behind) = (Source(time: time), Source(time: time))
        destination = try Destination("chat", configuration, time: time)
        router = Router(
            configuration: .quick, middlewares: middlewares, instruments: Meters().instruments, logger: .silent,
            time: time)
        let attempts = attempts
        for (name, source) in [(kind.names.behind, behind), (kind.names.ahead, ahead)] {
            try router.add(
                Route(
                    name, from: source, "in", ordering: .serial, destination: destination, isUrgent: name == "urgent",
                    givesWay: name == "patient"
                ) { message, _ in
                    let attempt = Attempt(at: time.now.offset, route: name, number: message.number)
                    attempts.add(attempt)
                    try await answer(attempt)
                })
        }
    }

    /// The routes of the attempts, in order.
    var order: [String] { attempts.entries.map { $0.route } }
}
