import Sluice

extension Readiness {
    /// Adds what another part says.
    mutating func merge(_ other: Readiness) {
        reasons += other.reasons
        notes += other.notes
    }

    /// Says which destinations take no messages, until when, and how many wait: a sink must not keep webhooks out.
    /// - Parameter backlog: how many messages a destination has yet to get, those on the queue too, as far as it is known.
    mutating func add(_ destinations: [Destination.Status], backlog: (String) -> Int?) {
        for destination in destinations where destination.note != nil {
            let waiting = max(destination.waiting, backlog(destination.name) ?? 0)
            if let note = destination.note(waiting: waiting) { notes.append("\(destination.name): \(note)") }
        }
    }

    /// Says which routes are not as they should be. One that webhooks need is a reason until it runs; every other is a
    /// note, whatever is wrong with it: a sink or another source must not keep webhooks out.
    mutating func add(_ routes: [Router.RouteStatus], neededForWebhooks: Set<String>) {
        for route in routes {
            // Of what a person has paused, the steering tells.
            guard let note = route.note, !(route.isPaused && route.note == "paused") else { continue }
            if route.isRunning || !neededForWebhooks.contains(route.name) {
                notes.append("\(route.name): \(note)")
            } else {
                reasons.append("\(route.name): \(note)")
            }
        }
    }
}
