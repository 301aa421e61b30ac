import Sluice
import SluiceAMQP
import Testing

struct WatermillAMQPMarshalerTests {
    private let marshaler = WatermillAMQPMarshaler()

    private func roundTrip(_ message: Message) -> Message {
        let publishing = marshaler.marshal(message, to: "topic")
        return marshaler.unmarshal(
            AMQPDelivery(properties: publishing.properties, body: publishing.body), from: "topic")
    }

    /// watermill-amqp's marshaler.go: every header is a string, the id among them, and messages are persistent.
    @Test func writesWhatWatermillReads() {
        let message = Message(id: "an id", metadata: ["a": "1", "b": ""], payload: [1, 2])
        let publishing = marshaler.marshal(message, to: "topic")
        #expect(publishing.body == [1, 2])
        #expect(publishing.properties.isPersistent)
        #expect(publishing.properties.headers == ["_watermill_message_uuid": "an id", "a": "1", "b": ""])
        #expect(publishing.properties.contentType == nil)
        #expect(!WatermillAMQPMarshaler(isPersistent: false).marshal(message, to: "topic").properties.isPersistent)
    }

    @Test func messagesComeBackAsTheyWere() {
        let message = Message(metadata: ["名": "東京", "empty": "", "x-own": "kept"], payload: Array(0...255))
        #expect(roundTrip(message) == message)
    }

    @Test func everyTypeOfHeaderBecomesText() {
        var properties = AMQPProperties()
        properties.headers = [
            "number": 7, "yes": true, "x-death": .array([.table(["queue": "q", "count": 2])]), "nothing": .void,
            "_watermill_message_uuid": "id",
        ]
        let message = marshaler.unmarshal(AMQPDelivery(properties: properties, body: []), from: "topic")
        #expect(message.id == "id")
        #expect(message.metadata["number"] == "7")
        #expect(message.metadata["yes"] == "true")
        #expect(message.metadata["x-death"] == #"[{"queue":"q","count":2}]"#)
        #expect(message.metadata["nothing"] == "")
        #expect(message.metadata["_watermill_message_uuid"] == nil)
    }

    @Test func propertiesBecomeMetadataAndPropertiesAgain() {
        var properties = AMQPProperties()
        properties.contentType = "application/json"
        properties.correlationID = "c"
        properties.userID = "guest"
        properties.expiration = "1000"
        properties.timestamp = 5
        properties.priority = 3
        let message = marshaler.unmarshal(AMQPDelivery(properties: properties, body: []), from: "topic")
        #expect(message.metadata["amqp_content_type"] == "application/json")
        #expect(message.metadata["amqp_user_id"] == "guest")
        #expect(message.metadata["amqp_priority"] == "3")
        let again = marshaler.marshal(message, to: "topic").properties
        #expect(again.contentType == "application/json")
        #expect(again.correlationID == "c")
        #expect(again.timestamp == 5)
        #expect(again.priority == 3)
        // Neither may be taken over: the broker refuses the one and drops messages for the other.
        #expect(again.userID == nil)
        #expect(again.expiration == nil)
        #expect(again.headers.count == 1)
    }

    @Test func aPropertyThatCannotBeOneStaysAHeader() {
        let long = String(repeating: "x", count: 300)
        let message = Message(metadata: ["amqp_content_type": long, "amqp_priority": "high"], payload: [])
        #expect(roundTrip(message) == message)
    }

    @Test func theBooksOfBrokersAreNotPublished() {
        let message = Message(
            metadata: [
                "x-death": "[]", "x-delivery-count": "3", "x-first-death-queue": "q", "x-sluice-attempt": "4",
                "amqp_redelivered": "true",
            ],
            payload: [])
        #expect(marshaler.marshal(message, to: "topic").properties.headers.count == 1)
    }

    @Test func whatTheBrokerKnowsOfEarlierDeliveriesIsMetadata() {
        var properties = AMQPProperties()
        properties.headers = ["x-delivery-count": 2]
        var delivery = AMQPDelivery(properties: properties, body: [], isRedelivered: true)
        let metadata: Metadata = ["x-delivery-count": "2", "amqp_redelivered": "true"]
        #expect(Set(marshaler.unmarshal(delivery, from: "t").metadata) == Set(metadata))
        delivery.isRedelivered = false
        #expect(marshaler.unmarshal(delivery, from: "t").metadata == ["x-delivery-count": "2"])
    }

    @Test func aMessageWithoutAnIdIsNamedByItsMessageID() {
        var properties = AMQPProperties()
        properties.messageID = "m"
        #expect(marshaler.unmarshal(AMQPDelivery(properties: properties, body: []), from: "t").id == "m")
        properties.messageID = nil
        let one = marshaler.unmarshal(AMQPDelivery(properties: properties, body: []), from: "t").id
        #expect(one != marshaler.unmarshal(AMQPDelivery(properties: properties, body: []), from: "t").id)
    }

    @Test func anEmptyIDIsNoID() {
        var properties = AMQPProperties()
        properties.messageID = ""
        properties.headers = [WatermillAMQPMarshaler.idHeader: ""]
        func id() -> MessageID { marshaler.unmarshal(AMQPDelivery(properties: properties, body: []), from: "t").id }
        #expect(id() != id() && id() != "")
        properties.messageID = "m"
        #expect(id() == "m")
        properties.messageID = ""
        properties.headers.append("x-sluice-id", "kept")
        #expect(id() == "kept")
    }
}
