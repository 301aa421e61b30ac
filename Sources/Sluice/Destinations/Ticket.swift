import Synchronization

/// A place in a line: it is granted, or its holder leaves, whichever comes first.
final class Ticket: Sendable {
    private enum State {
        case waiting(wake: (@Sendable () -> Void)?)
        case granted
        case left
    }

    private let state = Mutex(State.waiting(wake: nil))

    var isGranted: Bool {
        state.withLock { if case .granted = $0 { true } else { false } }
    }

    /// - Returns: false when its holder has left.
    func grant() -> Bool {
        let (isGranted, wake) = state.withLock { state -> (Bool, (@Sendable () -> Void)?) in
            guard case .waiting(let wake) = state else { return (false, nil) }
            state = .granted
            return (true, wake)
        }
        wake?()
        return isGranted
    }

    /// - Returns: false when it was granted before.
    func leave() -> Bool {
        state.withLock { state in
            guard case .waiting = state else { return false }
            state = .left
            return true
        }
    }

    /// Has `wake` called when it is granted, at once when it is already. Only the last one is.
    func onGrant(_ wake: @escaping @Sendable () -> Void) {
        let isGranted = state.withLock { state in
            if case .waiting = state { state = .waiting(wake: wake) }
            if case .granted = state { return true }
            return false
        }
        if isGranted { wake() }
    }
}
