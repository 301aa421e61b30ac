extension ConfigurationVariable {
    static let retention = ConfigurationVariable(
        "EVENT_RETENTION", nil, unit: "days",
        "How long events are kept: by the embedded log, and by Kafka's topics when Sluice creates them; unset: for ever"
    )
    static let poisonRetention = ConfigurationVariable(
        "POISON_RETENTION_BYTES", "1GiB",
        """
        How much of what cannot be delivered is kept unread, such as `500MB`, by the embedded log and by Kafka's topic when \
        Sluice creates it; then the oldest goes
        """)
    static let groupRetention = ConfigurationVariable(
        "GROUP_RETENTION", "30", unit: "days",
        "How long a group of the embedded log that nothing reads keeps its events from `EVENT_RETENTION`")
    static let ledgerRetention = ConfigurationVariable(
        "LEDGER_RETENTION", "400", unit: "days", "How long pushes and deployments are remembered")
}
