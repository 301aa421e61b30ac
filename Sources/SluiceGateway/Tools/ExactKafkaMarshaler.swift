import Sluice
import SluiceKafka
import Synchronization

/// Watermill's form, and beside it what that does not keep of a record: that it has no value, and headers without a
/// value or whose bytes are not text.
struct ExactKafkaMarshaler: KafkaMarshaler {
    /// What the records that are being read hold beside their messages, by their places.
    final class Notes: Sendable {
        fileprivate struct Place: Hashable {
            let partition: Int32
            let offset: Int64
        }

        fileprivate struct Note {
            var isNull = false
            var exact: [String: [UInt8]?] = [:]
        }

        fileprivate let notes = Mutex<[Place: Note]>([:])

        /// The message with what was noted of it.
        func take(_ message: Message, _ origin: Delivery.Origin) -> CarriedMessage {
            var carried = CarriedMessage(message, key: origin.key)
            guard let partition = origin.partition, let offset = origin.offset,
                let note = notes.withLock({ $0.removeValue(forKey: Place(partition: partition, offset: offset)) })
            else { return carried }
            carried.isNull = note.isNull
            carried.exactMetadata = note.exact
            return carried
        }
    }

    var notes = Notes()
    var load = CarryingPublisher.Load()
    private let base = WatermillMarshaler()

    func marshal(_ message: Message, to topic: Topic, into record: inout KafkaRecord) {
        guard let carried = load[message.id], carried.isNull || !carried.exactMetadata.isEmpty else {
            return base.marshal(message, to: topic, into: &record)
        }
        record.value = carried.isNull ? nil : message.payload
        record.headers.append(WatermillMarshaler.idHeader, message.id)
        for entry in message.metadata where entry.name != WatermillMarshaler.idHeader {
            switch carried.exactMetadata[entry.name] {
            case nil: record.headers.append(entry.name, entry.value)
            case .some(nil): record.headers.appendNull(entry.name)
            case .some(let bytes?): record.headers.append(entry.name, bytes)
            }
        }
    }

    func unmarshal(_ record: KafkaRecord, from topic: Topic) -> Message {
        let message = base.unmarshal(record, from: topic)
        var note = Notes.Note(isNull: record.value == nil)
        for header in record.headers where header.name != WatermillMarshaler.idHeader {
            if let value = header.value, String(validating: value, as: UTF8.self) != nil {
                note.exact.removeValue(forKey: header.name)
            } else {
                note.exact.updateValue(header.value, forKey: header.name)
            }
        }
        if note.isNull || !note.exact.isEmpty, let partition = record.partition, let offset = record.offset {
            let place = Notes.Place(partition: partition, offset: offset)
            notes.notes.withLock { $0[place] = note }
        }
        return message
    }
}
