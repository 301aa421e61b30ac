import Foundation
import Synchronization

/// A shell that starts and ends a broker on command, and ends everything when its standard input does: with the value
/// that holds the other end, or with this process, however that ends.
final class BrokerKeeper: Sendable {
    enum Command: String {
        case start
        case stop
        case kill
    }

    /// Answers each command with the pid of the broker, or an empty line when none runs.
    ///
    /// What the shell has to say itself, such as that a child was terminated, goes into the directory, and broken pipes
    /// are ignored: a write to a socket without a reader would end the shell before it has cleaned up.
    private static let script = """
        cd "${1:?}" || exit 1
        exec 2>keeper.log
        trap '' PIPE
        epmd -address 127.0.0.1 </dev/null >epmd.log 2>&1 &
        epmd=$!
        broker=
        end() {
            [ -n "$broker" ] || return 0
            kill "-$1" "$broker"
            # One that does not end in good order must end all the same.
            (
                trap 'kill "$sleep"; exit' TERM
                sleep 60 &
                sleep=$!
                wait "$sleep"
                kill -KILL "$broker"
            ) </dev/null >/dev/null &
            patience=$!
            wait "$broker"
            kill "$patience"
            wait "$patience"
            broker=
        }
        while read -r command; do
            case $command in
            start)
                end KILL
                "$2" </dev/null >>console.log 2>&1 &
                broker=$!
                ;;
            stop) end TERM ;;
            kill) end KILL ;;
            esac
            echo "$broker"
        done
        end KILL
        kill "$epmd"
        wait "$epmd"
        cd / && rm -rf "$1"
        """

    /// One command at a time; the thread waits for the answer.
    private let queue = DispatchQueue(label: "broker")
    private let shell: ChildProcess
    private let current = Mutex<Int32?>(nil)

    init(server: URL, directory: URL, environment: [String: String]) throws {
        shell = try ChildProcess(
            ["/bin/sh", "-c", Self.script, "sh", directory.path, server.path], environment: environment)
    }

    deinit {
        close(shell.socket)
        let shell = shell
        DispatchQueue.global().async { shell.wait() }
    }

    /// The broker's pid while it runs.
    var broker: Int32? { current.withLock { $0 } }

    /// Returns when it is done: for `stop` and `kill`, when the broker is gone.
    func perform(_ command: Command) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            queue.async {
                continuation.resume(with: Result { try self.performNow(command) })
            }
        }
    }

    private func performNow(_ command: Command) throws {
        let words = Array((command.rawValue + "\n").utf8)
        guard send(shell.socket, words, words.count, Int32(MSG_NOSIGNAL)) == words.count else { throw Self.ended }
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while recv(shell.socket, &byte, 1, 0) == 1 {
            if byte == UInt8(ascii: "\n") {
                let identifier = Int32(String(decoding: line, as: UTF8.self))
                current.withLock { $0 = identifier }
                return
            }
            line.append(byte)
        }
        throw Self.ended
    }

    private static let ended = RabbitMQBroker.Failed(description: "the shell that keeps the broker has ended")
}
