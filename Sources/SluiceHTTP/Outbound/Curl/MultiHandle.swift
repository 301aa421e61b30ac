import CCurl
import Sluice

/// Owns a multi handle: libcurl's connections and the transfers on them.
///
/// `wake` may be called from any thread while the handle is open (curl_multi_wakeup(3)); everything else, `close`
/// included, belongs to the client's one thread. An inbox calls no `wake` once it has ended, which comes before `close`.
final class MultiHandle: @unchecked Sendable {
    private let handle: UnsafeMutableRawPointer
    private var isOpen = true
    private let sleep = SleepState()

    init(_ configuration: HTTPClient.Configuration) throws(HTTPClient.SetupError) {
        guard let handle = curl_multi_init() else { throw HTTPClient.SetupError("libcurl gave no multi handle") }
        self.handle = handle
        sluice_curl_multi_set_long(handle, CURLMOPT_MAX_HOST_CONNECTIONS, configuration.limitPerHost)
        sluice_curl_multi_set_long(handle, CURLMOPT_MAX_TOTAL_CONNECTIONS, configuration.limit)
        sluice_curl_multi_set_long(handle, CURLMOPT_MAXCONNECTS, configuration.limit)
    }

    deinit {
        close()
    }

    /// Ends the current wait, or the next one if none is under way.
    func wake() {
        if sleep.raise() { curl_multi_wakeup(handle) }
    }

    /// The thread looks for all that it was woken for until now.
    func beginTurn() {
        sleep.wakeUp()
    }

    func add(_ easy: EasyHandle) -> Bool {
        curl_multi_add_handle(handle, easy.handle) == CURLM_OK
    }

    /// Takes a transfer off; one that is under way ends here, with its connection.
    func remove(_ easy: EasyHandle) {
        curl_multi_remove_handle(handle, easy.handle)
    }

    /// Does all that can be done without waiting.
    func perform() -> Bool {
        var running: Int32 = 0
        return curl_multi_perform(handle, &running) == CURLM_OK
    }

    /// Calls `body` for each transfer that has ended.
    func forEachFinished(_ body: (_ easy: UnsafeMutableRawPointer, CURLcode) -> Void) {
        var left: Int32 = 0
        // The message dies when its handle is removed, which `body` does: it is read before.
        while let message = curl_multi_info_read(handle, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else { continue }
            body(easy, message.pointee.data.result)
        }
    }

    /// Waits until a connection is ready, one of libcurl's own timers is due, `wake` is called, or the time is over.
    func wait(milliseconds: Int32) -> Bool {
        guard sleep.fallAsleep() else { return true }
        defer { sleep.wakeUp() }
        return curl_multi_poll(handle, nil, 0, milliseconds, nil) == CURLM_OK
    }

    /// Closes the connections. Every transfer has been removed before.
    func close() {
        guard isOpen else { return }
        isOpen = false
        curl_multi_cleanup(handle)
    }
}
