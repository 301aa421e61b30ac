import Foundation
import Sluice
import SluiceSQLite

/// The poison queue, as people read it.
enum PoisonText {
    static func list(_ groups: [PoisonGroup], _ filter: PoisonFilter) -> String {
        guard !groups.isEmpty else { return "nothing in the poison queue\(filter.isEmpty ? "" : " matches")\n" }
        var text = ""
        for group in groups {
            let messages = group.count == 1 ? "1 message" : "\(group.count) messages"
            text += "\(group.cause.key)  \(messages)  \(group.cause.route.replacingUnsafeCharacters())\n"
            text += "  reason     \(group.cause.reason)\n"
            text += "  first      \(RFC3339.format(group.first))\n"
            text += "  last       \(RFC3339.format(group.last))\n"
            text += "  sample     \(group.sample.place): \(group.sample.id.replacingUnsafeCharacters())"
            text += (group.sample.event.map { " (\($0.replacingUnsafeCharacters()))" } ?? "") + "\n"
            if group.rounds > 0 { text += "  came back  up to \(group.rounds) times\n" }
            if group.truncated > 0 { text += "  cut down   \(group.truncated) are only a part of their message\n" }
            if let note = group.note { text += "  note       \(note.text) (\(note.by), \(RFC3339.format(note.at)))\n" }
            text += "  waits for  \(group.waitsFor)\n\n"
        }
        let count = groups.reduce(0) { $0 + $1.count }
        return text + "\(count == 1 ? "1 message" : "\(count) messages") of "
            + (groups.count == 1 ? "1 cause\n" : "\(groups.count) causes\n")
    }

    static func message(_ message: PoisonedMessage, _ logged: LoggedMessage) -> String {
        var rows: [(String, String)] = [
            (message.partition == nil ? "offset" : "place", message.place), ("id", message.id),
            ("cause", message.cause.key), ("route", message.route),
            ("reason", message.reason), ("poisoned", RFC3339.format(message.poisonedAt)),
        ]
        if let attempts = message.attempts { rows.append(("attempts", "\(attempts)")) }
        if message.rounds > 0 { rows.append(("came back", "\(message.rounds) times")) }
        if let bytes = message.truncatedFrom { rows.append(("cut down", "only a part: the whole had \(bytes) bytes")) }
        for entry in logged.message.metadata where !PoisonMetadata.all.contains(entry.name) {
            rows.append((entry.name, entry.value))
        }
        for name in [PoisonMetadata.topic, PoisonMetadata.partition, PoisonMetadata.offset] {
            if let value = logged.message.metadata[name] { rows.append((name, value)) }
        }
        let width = rows.map(\.0.count).max() ?? 0
        var text = rows.map { name, value in
            let name = name.replacingUnsafeCharacters()
            return name + String(repeating: " ", count: max(0, width - name.count) + 2)
                + value.replacingUnsafeCharacters() + "\n"
        }.joined()
        let payload = String(decoding: logged.message.payload.prefix(16_384), as: UTF8.self)
        text += "\n" + payload.replacingUnsafeCharacters() + "\n"
        if logged.message.payload.count > 16_384 { text += "(cut: `sluice poison export` has all of it)\n" }
        return text
    }
}
