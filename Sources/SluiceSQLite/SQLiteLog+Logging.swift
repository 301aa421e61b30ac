import Logging
import Sluice

extension SQLiteLog.Configuration {
    /// The same, with everything that its observers hear in the log too.
    func telling(_ logger: Logger) -> Self {
        var configuration = self
        configuration.observe = { [observe] outcome in
            switch outcome {
            case .failed(let error, isFirst: true):
                logger.error("the log cannot be written", metadata: ["error": "\(error)"])
            case .failed: break
            case .succeededAgain: logger.notice("the log can be written again")
            }
            observe?(outcome)
        }
        let (observer, topics) = (retention.observer, retention.topics)
        configuration.retention.observer.droppedUnread = { topic, count in
            let limit = topics[topic.name]?.size.map { "\($0) bytes" } ?? "none"
            logger.error(
                "the topic was too large: its oldest messages were dropped unread",
                metadata: ["topic": "\(topic)", "count": "\(count)", "limit": "\(limit)"])
            observer.droppedUnread(topic, count)
        }
        configuration.retention.observer.clock = { doubt in
            if let doubt {
                logger.warning("retention waits", metadata: ["reason": "\(doubt)"])
            } else {
                logger.notice("retention goes on: the system clock is believed again")
            }
            observer.clock(doubt)
        }
        return configuration
    }
}
