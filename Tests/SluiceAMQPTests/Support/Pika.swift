import Foundation
import SluiceTestBrokers

/// Another client of RabbitMQ: PyPI's pika, in a Python that `SLUICE_PYTHON` names.
enum Pika {
    static let python = ProcessInfo.processInfo.environment["SLUICE_PYTHON"] ?? "python3"

    static func isInstalled() async -> Bool {
        (try? await ToolRun.output(["/usr/bin/env", python, "-c", "import pika"]))?.status == 0
    }

    struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    /// Runs a script that finds a connection in `connection`, a channel with confirms in `channel`, and its
    /// arguments in `arguments`; returns what it prints as JSON with `answer(...)`.
    @discardableResult
    static func run(_ script: String, uri: String, _ arguments: [String] = []) async throws -> [Any] {
        let prelude = """
            import base64, datetime, decimal, json, sys, pika
            uri, arguments = sys.argv[1], sys.argv[2:]
            connection = pika.BlockingConnection(pika.URLParameters(uri))
            channel = connection.channel()
            channel.confirm_delivery()
            def answer(value): print(json.dumps(value))
            def publish(queue, body, **properties):
                channel.basic_publish('', queue, body, pika.BasicProperties(**properties), mandatory=True)
            def consume(queue, count):
                for method, properties, body in channel.consume(queue, inactivity_timeout=30):
                    if method is None: raise SystemExit('nothing came')
                    yield method, properties, body
                    channel.basic_ack(method.delivery_tag)
                    count -= 1
                    if count == 0: break
                channel.cancel()

            """
        let (status, output) = try await ToolRun.output(
            ["/usr/bin/env", python, "-c", prelude + script + "\nconnection.close()\n", uri] + arguments)
        guard status == 0 else {
            // A report may show the first line alone: Python says in the last one what is wrong.
            let reason = output.split(separator: "\n").last ?? "it said nothing"
            throw Failed(description: "pika (\(status)): \(reason)\n\(output.suffix(2_000))")
        }
        return try output.split(separator: "\n").map { line in
            try JSONSerialization.jsonObject(with: Data(line.utf8), options: .fragmentsAllowed)
        }
    }
}
