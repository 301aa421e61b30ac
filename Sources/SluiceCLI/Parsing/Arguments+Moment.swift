import Sluice
import SluiceGateway

extension Arguments {
    /// A time as RFC 3339 writes it, a day, or a duration that ends now.
    static func moment(_ text: String, _ option: String) throws(UsageError) -> Timestamp {
        guard let moment = Moment.parse(text) else {
            throw UsageError(
                "\(option): expected a time such as 2026-01-02T03:04:05Z, a day such as 2026-01-02, or 2h for so long ago"
            )
        }
        return moment
    }
}
