import Logging
import Sluice
import SluiceAMQP

/// The queue of RabbitMQ through which deploy tools tell of deployments.
final class DeploymentsQueue: Sendable {
    let topic: Topic
    let subscriber: AMQPSubscriber
    /// For the simulator, which is a deploy tool; nil without one, which saves a connection.
    let publisher: AMQPPublisher?

    init(
        _ configuration: DeploymentsSource.AMQP, isPublishedTo: Bool, _ instruments: Instruments, logger: Logger
    ) throws {
        topic = Topic(configuration.queue)
        var options = AMQPSubscriber.Configuration()
        options.waitsInQueues = configuration.declares
        subscriber = try AMQPSubscriber(
            configuration.client, topology: configuration.topology, configuration: options, logger: logger,
            instruments: instruments)
        publisher =
            isPublishedTo
            ? try AMQPPublisher(
                configuration.client, topology: configuration.topology, logger: logger, instruments: instruments) : nil
    }

    /// Notes why no deployment can come from there. Webhooks need no RabbitMQ: an outage must not keep them out.
    var notes: [String] {
        let state = subscriber.connectionState
        return state.isConnected ? [] : ["rabbitmq: \(state.reason ?? "not connected")"]
    }

    @Sendable func close() async {
        await subscriber.close()
        await publisher?.close()
    }
}
