/// What the message path shall reach: a figure that this program measures, and what is wanted of it.
///
/// Ratios are to a bare loop in the same run. Times are as the machine is on which they were set, and hold on one like it.
struct Goal: Hashable, Sendable {
    enum Bound: Hashable { case atMost(Double), atLeast(Double) }

    let path: String
    let bound: Bound
    let unit: String

    init(_ path: String, _ bound: Bound, _ unit: String) {
        self.path = path
        self.bound = bound
        self.unit = unit
    }

    /// How far a figure misses it, as a share of what is wanted; 0 or less where it does not.
    func miss(_ figure: Double) -> Double {
        switch bound {
        case .atMost(let most): figure / most - 1
        case .atLeast(let least): 1 - figure / least
        }
    }

    var wanted: String {
        switch bound {
        case .atMost(let most): "≤ " + text(most)
        case .atLeast(let least): "≥ " + text(least)
        }
    }

    func text(_ figure: Double) -> String {
        let number = figure.magnitude < 10 ? Report.decimal(figure, 2) : Report.decimal(figure, 0)
        return "\(number) \(unit)"
    }
}

extension Goal {
    static let all = [
        routeSerial, routeUnordered, routeByKey, routeManyKeys, kafkaByKey, kafkaSerial, kafkaPublish, kafkaToAMQP,
        amqpConsume, logAppend, webhooksSmall, webhooksLarge, webhooksSlowest, liveRead,
        destinationPassed,
    ]

    static let routeSerial = Goal(
        "in-memory route, five middlewares and metrics, serial, 16 B", .atMost(2.0), "µs a message")
    static let routeUnordered = Goal(
        "in-memory route, five middlewares and metrics, unordered, 16 B", .atMost(1.2), "µs a message")
    static let routeByKey = Goal("in-memory route, bare, by key, 100 keys", .atMost(1.0), "µs a message")
    static let routeManyKeys = Goal("the same with 100,000 keys, of 100 keys", .atMost(1.5), "times")
    static let kafkaByKey = Goal("Kafka consume, by key, 256 B, of the loop", .atLeast(70), "%")
    static let kafkaSerial = Goal("Kafka consume, serial, 256 B, of the loop", .atLeast(85), "%")
    static let kafkaPublish = Goal(
        "Kafka publish, one message a call from 1,024 tasks, 256 B, of the loop", .atLeast(40), "%")
    static let kafkaToAMQP = Goal(
        "Kafka to RabbitMQ with confirms, by key, default lanes, of the loop", .atLeast(90), "%")
    static let amqpConsume = Goal("RabbitMQ consume through a route, of the loop", .atLeast(90), "%")
    static let logAppend = Goal(
        "log, append, 256 publishers, of SQLite in commits of 256", .atLeast(85), "%")
    static let webhooksSmall = Goal("webhooks, 300 B, of the bare route", .atLeast(85), "%")
    static let webhooksLarge = Goal("webhooks, 9 KB, of the bare route", .atLeast(85), "%")
    static let webhooksSlowest = Goal("webhooks, p99, of the bare route's", .atMost(2), "times")
    static let liveRead = Goal("a Live policy read", .atMost(10), "ns")
    static let destinationPassed = Goal("an open destination passed", .atMost(60), "ns")
}
