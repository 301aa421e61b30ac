import Logging
import Sluice
import SluiceKafka

extension ReportTool {
    /// How long the next record may take. Where the last ones of a partition are gone, by a transaction's end, nothing comes.
    private static let patience: Duration = .seconds(10)

    /// All facts that Kafka holds now, from the oldest on, by a client without a group: nothing is committed.
    func read(_ client: KafkaConfiguration, _ topic: Topic) async throws -> DeploymentHistory {
        let source = try await BrokerAddress.kafka(client).messages(of: topic, ConsumeOptions())
        let outcome: Result<DeploymentHistory, any Error>
        do {
            outcome = .success(try await history(from: source, try await Self.extent(of: topic, client)))
        } catch {
            outcome = .failure(error)
        }
        await source.close()
        return try outcome.get()
    }

    private static func extent(of topic: Topic, _ client: KafkaConfiguration) async throws -> [Int32: Range<Int64>] {
        let topics = try KafkaTopics(client, logger: Logger(label: "sluice"))
        do {
            let extent = try await topics.extent(of: topic)
            await topics.close()
            return extent
        } catch {
            await topics.close()
            throw error
        }
    }

    private func history(
        from source: any MessageSource, _ extent: [Int32: Range<Int64>]
    ) async throws -> DeploymentHistory {
        var missing = extent.filter { !$0.value.isEmpty }
        let bar = ProgressBar("reading", total: missing.values.reduce(0) { $0 + Int64($1.count) })
        defer { bar.finish() }
        var tool = ConsumeTool()
        tool.idle = Self.patience
        var (history, count) = (DeploymentHistory(), Int64(0))
        while !missing.isEmpty, let batch = try await tool.next(1_024, of: source) {
            for message in batch {
                // Given back, it would come again.
                message.delivery?.acknowledge()
                if let partition = message.origin.partition, let offset = message.origin.offset,
                    let extent = missing[partition], offset >= extent.upperBound - 1
                {
                    missing[partition] = nil
                }
                // What a newer gateway wrote is passed over, as the gateway itself does.
                if let fact = try? Fact(message.message) { history.add(fact) }
            }
            count += Int64(batch.count)
            bar.update(count)
        }
        return history
    }
}
