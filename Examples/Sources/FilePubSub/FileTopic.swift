import Dispatch
import Foundation
import Sluice
import Synchronization

/// One topic: its file, its groups, and the queue on which everything happens that reads or writes.
final class FileTopic: Sendable {
    private struct State {
        var records: RecordFile
        var groups: [String: FileGroup] = [:]
    }

    private let directory: URL
    private let queue = DispatchQueue(label: "file-topic")
    /// Taken on the queue alone, so that no caller waits for it.
    private let state: Mutex<State>

    init(_ directory: URL) throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        self.directory = directory
        state = Mutex(State(records: try RecordFile(directory.appending(path: "messages"))))
    }

    /// Does something on the queue and returns when it is done.
    private func perform<Result: Sendable>(_ body: @escaping @Sendable (inout State) throws -> Result) async throws
        -> Result
    {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Swift.Result { try self.state.withLock { try body(&$0) } }) }
        }
    }

    func append(_ messages: [Message]) async throws {
        let lines = try messages.map { try JSONEncoder().encode($0) }
        try await append(lines)
    }

    func append(_ lines: [Data]) async throws {
        guard !lines.isEmpty else { return }
        try await perform { try $0.records.append(lines, synchronized: true) }
        feed()
    }

    func join(_ member: FileMember) async throws {
        let file = directory.appending(path: FileBroker.fileName(member.group))
        try await perform { state in
            var group = try state.groups[member.group] ?? FileGroup(file)
            group.members.append(member)
            state.groups[member.group] = group
        }
        feed()
    }

    /// The member takes no more. What it had in hand goes to the others.
    func leave(_ member: FileMember) {
        member.leave()
        queue.async {
            self.state.withLock { $0.groups[member.group]?.remove(member) }
            self.feed()
        }
    }

    /// Delivers what there is, while there is room.
    func feed() {
        queue.async {
            self.state.withLock { state in
                for name in state.groups.keys { state.groups[name]?.feed(state.records) }
            }
        }
    }

    func settle(_ member: FileMember, _ tag: UInt64, _ settlement: Settlement) {
        queue.async {
            let wait = self.state.withLock { state in state.groups[member.group]?.settle(tag, by: member, settlement) }
            guard let wait = wait ?? nil else { return }
            // Rejected. It comes again after the delay that it names, and never in a hot loop.
            let seconds = min(wait, .seconds(86_400)) / .seconds(1)
            self.queue.asyncAfter(deadline: .now() + seconds) {
                self.state.withLock { $0.groups[member.group]?.bringBack(tag, from: member) }
                self.feed()
            }
        }
    }
}
