import Foundation
import Glibc
import Logging
import Sluice

/// Serves the control socket's clients. Belongs to a thread of its own, which sleeps while there is nothing to do.
final class ControlLoop {
    /// An answer to a client.
    struct Answer: Sendable {
        let client: UInt64
        let lines: [UInt8]
    }

    /// What a client wants.
    enum Event: Sendable {
        case request(client: UInt64, user: uid_t?, line: [UInt8])
        case gone(client: UInt64)
    }

    private struct Client {
        let descriptor: Int32
        let user: uid_t?
        var connection: ControlConnection
    }

    /// How many may be connected at once.
    static let mostClients = 4

    private let socket: ControlSocket
    private let inbox: Inbox<Answer>
    private let signal: PollSignal
    private let limits: ControlConnection.Limits
    private let owner: uid_t
    private let logger: Logger
    private let tell: @Sendable (Event) -> Void
    private var clients: [UInt64: Client] = [:]
    private var nextClient: UInt64 = 0
    /// Until when no client is accepted, because the system has no descriptor left.
    private var shutUntil: MonotonicTime?

    init(
        _ socket: ControlSocket, _ inbox: Inbox<Answer>, _ signal: PollSignal, limits: ControlConnection.Limits,
        owner: uid_t, logger: Logger, tell: @escaping @Sendable (Event) -> Void
    ) {
        self.socket = socket
        self.inbox = inbox
        self.signal = signal
        self.limits = limits
        self.owner = owner
        self.logger = logger
        self.tell = tell
    }

    func run() {
        while true {
            let now = MonotonicTime.now()
            if let shut = shutUntil, shut <= now { shutUntil = nil }
            let order = clients.keys.sorted()
            var descriptors = [
                pollfd(), pollfd(fd: shutUntil == nil ? socket.descriptor : -1, events: Int16(POLLIN), revents: 0),
            ]
            for id in order { descriptors.append(interest(clients[id])) }
            guard signal.wait(for: &descriptors, until: deadline) else { break }
            // Looked at first: once it is closing, no answer comes any more.
            let isClosing = inbox.closing != nil
            for answer in inbox.takeAll() {
                clients[answer.client]?.connection.answer(answer.lines, at: .now())
                send(answer.client)
            }
            if isClosing {
                for id in clients.keys { end(id) }
                socket.close()
                return
            }
            if descriptors[1].revents != 0 { accept() }
            for (id, descriptor) in zip(order, descriptors.dropFirst(2)) { serve(id, Int32(descriptor.revents)) }
            expire(.now())
        }
    }

    private func interest(_ client: Client?) -> pollfd {
        guard let client else { return pollfd(fd: -1, events: 0, revents: 0) }
        var events: Int32 = 0
        if client.connection.wantsToRead { events |= Int32(POLLIN) }
        if !client.connection.unsent.isEmpty { events |= Int32(POLLOUT) }
        return pollfd(fd: client.descriptor, events: Int16(truncatingIfNeeded: events), revents: 0)
    }

    private var deadline: MonotonicTime? {
        (clients.values.map(\.connection.deadline) + [shutUntil]).compactMap(\.self).min()
    }

    private func expire(_ now: MonotonicTime) {
        for (id, client) in clients where client.connection.deadline.map({ $0 <= now }) ?? false { end(id) }
    }

    // MARK: Clients

    private func accept() {
        while true {
            let descriptor = acceptFrom(socket.descriptor)
            guard descriptor >= 0 else {
                if errno == EINTR || errno == ECONNABORTED { continue }
                if errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS {
                    shutUntil = MonotonicTime.now().advanced(by: .seconds(1))
                }
                return
            }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
            let user = ControlPeer.user(of: descriptor)
            guard ControlPeer.mayCommand(user, as: owner) else {
                logger.warning(
                    "another user was refused at the control socket",
                    metadata: ["uid": "\(user.map { "\($0)" } ?? "unknown")"])
                refuse(descriptor, ControlFailure(.refused, "only the gateway's own user and root may command it"))
                continue
            }
            guard clients.count < Self.mostClients else {
                refuse(descriptor, ControlFailure(.busy, "\(Self.mostClients) other commands are being carried out"))
                continue
            }
            nextClient += 1
            clients[nextClient] = Client(
                descriptor: descriptor, user: user, connection: ControlConnection(limits, at: .now()))
        }
    }

    /// One line, as far as it goes at once.
    private func refuse(_ descriptor: Int32, _ failure: ControlFailure) {
        let line = ControlAnswer.lines(for: failure)
        _ = line.withUnsafeBytes { ControlSocket.send($0, to: descriptor) }
        close(descriptor)
    }

    private func serve(_ id: UInt64, _ events: Int32) {
        guard events != 0, let client = clients[id] else { return }
        // One that has hung up wants nothing any more: its command is given up.
        if events & Int32(POLLERR | POLLHUP | POLLNVAL) != 0, events & Int32(POLLIN) == 0 { return end(id) }
        if events & Int32(POLLIN) != 0, client.connection.wantsToRead { receive(id, client.descriptor) }
        if events & Int32(POLLOUT) != 0 { send(id) }
    }

    private func receive(_ id: UInt64, _ descriptor: Int32) {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = read(descriptor, &buffer, buffer.count)
        guard count > 0 else {
            if count < 0, errno == EAGAIN || errno == EINTR { return }
            return end(id)
        }
        if let line = clients[id]?.connection.receive(buffer.prefix(count), at: .now()) {
            tell(.request(client: id, user: clients[id]?.user, line: line))
        } else {
            send(id)
        }
    }

    private func send(_ id: UInt64) {
        while let client = clients[id], !client.connection.unsent.isEmpty {
            let count = client.connection.unsent.withUnsafeBytes { ControlSocket.send($0, to: client.descriptor) }
            guard count >= 0 else {
                if errno == EINTR { continue }
                if errno != EAGAIN { end(id) }
                return
            }
            if let line = clients[id]?.connection.send(count, at: .now()) {
                tell(.request(client: id, user: client.user, line: line))
            }
        }
        if clients[id]?.connection.isDone ?? false { end(id) }
    }

    private func end(_ id: UInt64) {
        guard let client = clients.removeValue(forKey: id) else { return }
        close(client.descriptor)
        tell(.gone(client: id))
    }

    // MARK: Calls whose names are taken

    private func acceptFrom(_ descriptor: Int32) -> Int32 {
        Glibc.accept(descriptor, nil, nil)
    }
}
