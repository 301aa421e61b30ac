import CRabbitMQ

extension Link {
    /// Makes sure that what a layout names is there. What exists is used as it is, whatever its properties and its
    /// maker; only what is missing is declared, which takes the permission to.
    /// - Throws: the broker's reason, behind the name of the object; the channel is then closed.
    func ensure(_ layout: Layout, _ declaration: AMQPTopology.Declaration, on channel: UInt16) throws(AMQPError) {
        let hasExchange = !layout.exchange.name.isEmpty
        if declaration.declaresExchange, hasExchange {
            try ensure("exchange \(layout.exchange.name)", on: channel) { isPassive throws(AMQPError) in
                try declare(layout.exchange, passive: isPassive, on: channel)
            }
        }
        guard declaration.declaresQueue else { return }
        let name = "queue \(layout.queue.name)"
        if layout.isGenerated {
            do throws(AMQPError) { try declare(layout.queue, on: channel) } catch { throw error.during(name) }
        } else {
            try ensure(name, on: channel) { isPassive throws(AMQPError) in
                try declare(layout.queue, passive: isPassive, on: channel)
            }
        }
        guard hasExchange else { return }
        let pool = NativePool()
        do throws(AMQPError) {
            try request(
                Method.queueBind, on: channel,
                amqp_queue_bind_t(
                    ticket: 0, queue: pool.copy(layout.queue.name), exchange: pool.copy(layout.exchange.name),
                    routing_key: pool.copy(layout.bindingKey), nowait: 0,
                    arguments: layout.bindingArguments.encoded(in: pool)),
                answer: Method.queueBindOk)
        } catch {
            throw error.during("queue \(layout.queue.name), bound to exchange \(layout.exchange.name)")
        }
    }

    /// Asks whether something exists, and declares it when it does not.
    ///
    /// Each refusal closes the channel, which is opened again: nothing else may be under way on it.
    private func ensure(
        _ name: String, on channel: UInt16, _ declare: (_ isPassive: Bool) throws(AMQPError) -> Void
    ) throws(AMQPError) {
        do throws(AMQPError) {
            return try declare(true)
        } catch {
            if failure != nil { throw error.during(name) }
            switch error.code {
            case .notFound: break
            case .accessRefused:
                // Whether it exists may not be asked either. What uses it will tell.
                return try openChannel(channel)
            default: throw error.during(name)
            }
        }
        try openChannel(channel)
        do throws(AMQPError) {
            try declare(false)
        } catch {
            // Another client was faster, and declared it otherwise.
            if failure == nil, error.code == .mismatch { return try openChannel(channel) }
            throw error.during("\(name), which does not exist")
        }
    }

    private func declare(
        _ exchange: Layout.Exchange, passive isPassive: Bool, on channel: UInt16
    ) throws(AMQPError) {
        let pool = NativePool()
        try request(
            Method.exchangeDeclare, on: channel,
            amqp_exchange_declare_t(
                ticket: 0, exchange: pool.copy(exchange.name), type: pool.copy(exchange.type),
                passive: isPassive ? 1 : 0, durable: exchange.isDurable ? 1 : 0,
                auto_delete: exchange.isAutoDeleted ? 1 : 0,
                internal: exchange.isInternal ? 1 : 0, nowait: 0, arguments: exchange.arguments.encoded(in: pool)),
            answer: Method.exchangeDeclareOk)
    }

    /// - Parameter isPassive: whether it only asks for the queue, whose properties then do not count.
    func declare(_ queue: Layout.Queue, passive isPassive: Bool = false, on channel: UInt16) throws(AMQPError) {
        let pool = NativePool()
        try request(
            Method.queueDeclare, on: channel,
            amqp_queue_declare_t(
                ticket: 0, queue: pool.copy(queue.name), passive: isPassive ? 1 : 0, durable: queue.isDurable ? 1 : 0,
                exclusive: queue.isExclusive ? 1 : 0, auto_delete: queue.isAutoDeleted ? 1 : 0, nowait: 0,
                arguments: queue.arguments.encoded(in: pool)),
            answer: Method.queueDeclareOk)
    }

    func delete(_ queue: Layout.Queue, on channel: UInt16) throws(AMQPError) {
        let pool = NativePool()
        try request(
            Method.queueDelete, on: channel,
            amqp_queue_delete_t(ticket: 0, queue: pool.copy(queue.name), if_unused: 0, if_empty: 0, nowait: 0),
            answer: Method.queueDeleteOk)
    }

    /// From now on the broker confirms what is published on the channel.
    func selectConfirms(on channel: UInt16) throws(AMQPError) {
        try request(
            Method.confirmSelect, on: channel, amqp_confirm_select_t(nowait: 0), answer: Method.confirmSelectOk)
    }
}
