import GatewayTestSupport
import Sluice
import SluiceKafka
import SluiceTesting
import Testing

@testable import SluiceGateway

/// A variable may hold any number: it is taken or refused, and never ends the process.
struct HugeNumbersTests {
    private static let numbers = [
        "9223372036854775807", "9223372036854775808", "-9223372036854775808", "18446744073709551616", "1e999", "1e18",
        "-1", "-0", "0", "0.0000000000000000001", "nan", "inf", "infinity", "0x7fffffffffffffff", ".", "1.", ".5",
        "1.2.3",
        "１２", "٣", "1_000", "1,000", " 5", "+5", "9007199254740993", String(repeating: "9", count: 5_000),
        "8388607TiB", "8388608TiB", "9999999999999999999999GB", "1e3MB", "MB", "5 000MB", "0.1kib",
    ]

    @Test(arguments: GatewayConfiguration.variables)
    func anyNumberIsTakenOrRefused(_ variable: ConfigurationVariable) {
        for number in Self.numbers {
            let base = [
                "SIMULATE_DEPLOYMENTS": "true", "KAFKA_BROKERS": "127.0.0.1:9092",
                "AMQP_URI": "amqp://127.0.0.1", "EVENT_RETENTION": "7",
            ]
            do {
                let configuration = try GatewayConfiguration(environment: base.merging([variable.name: number]) { $1 })
                // What is made from them at start.
                for plan in configuration.kafka?.plans(
                    retention: configuration.retention, poisonBytes: configuration.poisonRetention) ?? []
                { _ = plan.command }
                let now = Timestamp.now()
                for duration in [
                    configuration.groupRetention, configuration.ledgerRetention, configuration.shutdownTimeout,
                    configuration.httpIdleTimeout, configuration.simulator?.stagingDelay ?? .zero,
                ] {
                    #expect(now.advanced(by: duration) >= now)
                }
                #expect(configuration.poisonRetention > 0)
            } catch {
                #expect("\(error)".contains(variable.name), "\(variable.name) = \(number)")
            }
        }
    }
}
