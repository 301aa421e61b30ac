/// The protocol's methods by number: class and method, 16 bits each
/// (<https://www.rabbitmq.com/amqp-0-9-1-reference.html>).
enum Method {
    static let connectionStart = id(10, 10)
    static let connectionStartOk = id(10, 11)
    static let connectionTune = id(10, 30)
    static let connectionTuneOk = id(10, 31)
    static let connectionOpen = id(10, 40)
    static let connectionOpenOk = id(10, 41)
    static let connectionClose = id(10, 50)
    static let connectionCloseOk = id(10, 51)
    static let connectionBlocked = id(10, 60)
    static let connectionUnblocked = id(10, 61)
    static let channelOpen = id(20, 10)
    static let channelOpenOk = id(20, 11)
    static let channelFlow = id(20, 20)
    static let channelFlowOk = id(20, 21)
    static let channelClose = id(20, 40)
    static let channelCloseOk = id(20, 41)
    static let exchangeDeclare = id(40, 10)
    static let exchangeDeclareOk = id(40, 11)
    static let queueDeclare = id(50, 10)
    static let queueDeclareOk = id(50, 11)
    static let queueBind = id(50, 20)
    static let queueBindOk = id(50, 21)
    static let queueDelete = id(50, 40)
    static let queueDeleteOk = id(50, 41)
    static let basicQos = id(60, 10)
    static let basicQosOk = id(60, 11)
    static let basicConsume = id(60, 20)
    static let basicConsumeOk = id(60, 21)
    static let basicCancel = id(60, 30)
    static let basicPublish = id(60, 40)
    static let basicReturn = id(60, 50)
    static let basicDeliver = id(60, 60)
    static let basicAck = id(60, 80)
    static let basicNack = id(60, 120)
    static let confirmSelect = id(85, 10)
    static let confirmSelectOk = id(85, 11)

    /// The class of messages.
    static let basicClass: UInt16 = 60

    private static func id(_ family: UInt32, _ method: UInt32) -> UInt32 {
        family << 16 | method
    }
}
