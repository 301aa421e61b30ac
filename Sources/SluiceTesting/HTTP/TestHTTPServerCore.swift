import Foundation
import Glibc
import Synchronization

/// The server's threads and what they share; apart from ``TestHTTPServer`` so that dropping that one stops them.
final class TestHTTPServerCore: Sendable {
    struct State {
        var respond: @Sendable (TestHTTPServer.Request) -> TestHTTPServer.Reply
        var requests: [TestHTTPServer.Request] = []
        var connectionCount = 0
        var open: Set<Int32> = []
        var answering = 0
        var peak = 0
        var isStopped = false
        var isListenerClosed = false
        var waiters: [UInt64: Waiter] = [:]
        var nextWaiter: UInt64 = 0
    }

    struct Waiter {
        let holds: @Sendable (borrowing State) -> Bool
        let continuation: CheckedContinuation<Void, Never>
    }

    let state: Mutex<State>
    private let listener: Int32
    /// Wakes replies that are being delayed when the server stops, and `stop` when the port is free.
    private let stopping = NSCondition()

    init(listener: Int32, respond: @escaping @Sendable (TestHTTPServer.Request) -> TestHTTPServer.Reply) {
        self.listener = listener
        state = Mutex(State(respond: respond))
    }

    func start() {
        Thread { self.acceptConnections() }.start()
    }

    func stop() {
        stopping.lock()
        let isFirst = state.withLock { state in
            defer { state.isStopped = true }
            // Under the lock a descriptor is not closed, so that its number is still this connection's.
            for descriptor in state.open { shutdown(descriptor, shutdownBoth) }
            return !state.isStopped
        }
        if isFirst { shutdown(listener, shutdownBoth) }
        stopping.broadcast()
        // Until the port is free, so that another server may take it.
        while !state.withLock(\.isListenerClosed) { stopping.wait() }
        stopping.unlock()
    }

    private var shutdownBoth: Int32 { Int32(SHUT_RDWR) }

    // MARK: Waiting

    /// Changes the state and resumes those who waited for what it has become.
    func update<Result>(_ body: (inout State) -> Result) -> Result {
        let (result, due) = state.withLock { state -> (Result, [Waiter]) in
            let result = body(&state)
            let due = state.waiters.filter { $0.value.holds(state) }
            for id in due.keys { state.waiters[id] = nil }
            return (result, Array(due.values))
        }
        for waiter in due { waiter.continuation.resume() }
        return result
    }

    func wait(
        within limit: Duration, for what: String, until holds: @escaping @Sendable (borrowing State) -> Bool
    ) async throws {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask { await self.wait(until: holds) }
            group.addTask {
                try await Task.sleep(for: limit)
                return false
            }
            let came = try await group.next() ?? false
            group.cancelAll()
            try Task.checkCancellation()
            guard came else { throw TestTimeout(what: what) }
        }
    }

    /// - Returns: false when the task was cancelled.
    private func wait(until holds: @escaping @Sendable (borrowing State) -> Bool) async -> Bool {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let mayWait = state.withLock { state in
                    guard !holds(state), !Task.isCancelled else { return false }
                    state.waiters[id] = Waiter(holds: holds, continuation: continuation)
                    return true
                }
                if !mayWait { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.continuation.resume()
        }
        return !Task.isCancelled
    }

    // MARK: Threads

    private func acceptConnections() {
        while true {
            let descriptor = accept(listener, nil, nil)
            if descriptor < 0 {
                if state.withLock(\.isStopped) { break }
                // Out of descriptors, or a peer that left at once: others may still come.
                guard errno == EINTR || errno == ECONNABORTED || errno == EMFILE || errno == ENFILE else { break }
                Thread.sleep(forTimeInterval: 0.001)
                continue
            }
            // A child process that inherits it would keep the connection open.
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            TestSocket.set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY)
            let number = update { state -> Int? in
                guard !state.isStopped else { return nil }
                state.connectionCount += 1
                state.open.insert(descriptor)
                return state.connectionCount
            }
            guard let number else {
                close(descriptor)
                break
            }
            let thread = Thread { self.serve(descriptor, number) }
            thread.stackSize = 512 << 10
            thread.start()
        }
        close(listener)
        stopping.lock()
        state.withLock { $0.isListenerClosed = true }
        stopping.broadcast()
        stopping.unlock()
    }

    private func serve(_ descriptor: Int32, _ number: Int) {
        var reader = TestRequestReader(descriptor: descriptor, connection: number)
        while let request = reader.next() {
            let respond = update { state in
                state.requests.append(request)
                state.answering += 1
                state.peak = max(state.peak, state.answering)
                return state.respond
            }
            let reply = respond(request)
            let goesOn = delay(reply.delay) && write(reply, to: descriptor, request)
            update { $0.answering -= 1 }
            if !goesOn || request["Connection"]?.lowercased() == "close" { break }
        }
        update { state in
            state.open.remove(descriptor)
            close(descriptor)
        }
    }

    /// - Returns: false when the server stopped meanwhile.
    private func delay(_ duration: Duration) -> Bool {
        guard duration > .zero else { return true }
        let parts = duration.components
        let end = Date(timeIntervalSinceNow: Double(parts.seconds) + Double(parts.attoseconds) / 1e18)
        stopping.lock()
        defer { stopping.unlock() }
        while !state.withLock(\.isStopped) {
            if !stopping.wait(until: end) { return true }
        }
        return false
    }

    /// - Returns: whether the connection goes on.
    private func write(
        _ reply: TestHTTPServer.Reply, to descriptor: Int32, _ request: TestHTTPServer.Request
    ) -> Bool {
        let hasBody = request.method != "HEAD" && reply.status != 204 && reply.status != 304
        func head() -> [UInt8] {
            var head = "HTTP/1.1 \(reply.status) Test\r\n"
            var hasLength = reply.status == 204
            for (name, value) in reply.headers {
                head += "\(name): \(value)\r\n"
                if name.lowercased() == "content-length" || name.lowercased() == "transfer-encoding" {
                    hasLength = true
                }
            }
            if !hasLength { head += "Content-Length: \(reply.body.count)\r\n" }
            return Array((head + "\r\n").utf8)
        }
        switch reply.fault.kind {
        case .none:
            return TestSocket.sendAll(descriptor, (head() + (hasBody ? reply.body : []))[...])
        case .close:
            return false
        case .reset:
            TestSocket.resetOnClose(descriptor)
            return false
        case .never:
            // Until the client or `stop` ends the connection; what else the client says is not heard.
            var ignored: [UInt8] = []
            while TestSocket.receive(descriptor, into: &ignored) { ignored = [] }
            return false
        case .truncate(let count):
            _ = TestSocket.sendAll(descriptor, (head() + reply.body.prefix(count))[...])
            return false
        case .resetAfter(let count):
            _ = TestSocket.sendAll(descriptor, (head() + reply.body.prefix(count))[...])
            TestSocket.resetOnClose(descriptor)
            return false
        case .raw(let bytes):
            _ = TestSocket.sendAll(descriptor, bytes[...])
            return false
        }
    }
}
