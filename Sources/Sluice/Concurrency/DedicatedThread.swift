import Glibc

/// A thread of its own for work that blocks, such as a C library's event loop: the cooperative pool must never block.
package struct DedicatedThread: ~Copyable, Sendable {
    private let handle: pthread_t

    /// Starts `body` on a new thread.
    /// - Parameter name: shown by debuggers and `top -H`; Linux keeps the first 15 bytes.
    package init(name: String, _ body: @escaping @Sendable () -> Void) throws(ThreadError) {
        let start = Unmanaged.passRetained(Start(name: name, body: body))
        var handle = pthread_t()
        let code = pthread_create(&handle, nil, run, start.toOpaque())
        guard code == 0 else {
            start.release()
            throw ThreadError(errno: code)
        }
        self.handle = handle
    }

    /// For the calling thread: signals of the process go to its other threads. That includes SIGPIPE, which a write to a
    /// closed connection or pipe raises in the thread that writes, and in it alone.
    package static func blockSignals() {
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_BLOCK, &all, nil)
    }

    /// Waits until the body has returned. Must not be called on the cooperative pool unless the body is about to end.
    package consuming func join() {
        pthread_join(handle, nil)
        discard self
    }

    /// A thread that is not joined gives back its stack by itself when its body returns.
    deinit {
        pthread_detach(handle)
    }

    package struct ThreadError: Error, CustomStringConvertible {
        package let errno: Int32
        package var description: String { "the system refused a new thread (errno \(errno))" }
    }
}

private final class Start: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
}

private func run(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument else { return nil }
    let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
    setName(start.name)
    start.body()
    return nil
}

/// `pthread_setname_np` is a GNU extension that the C module does not show; the kernel's file does the same.
private func setName(_ name: String) {
    let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { return }
    let bytes = Array(name.utf8.prefix(15))
    _ = write(file, bytes, bytes.count)
    close(file)
}
