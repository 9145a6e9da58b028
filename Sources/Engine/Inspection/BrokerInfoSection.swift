// `# Broker` in INFO: counts of what there is, totals since the start.
// Loop thread only. Next: ../Store/Commands/Server/InfoSections.swift.

extension InfoSection {
    static let broker = InfoSection("Broker") { info, source in
        guard let inspection = source.store.administration.companion as? Inspection else { return }
        let broker = inspection.broker
        var queues = 0
        var exchanges = 0
        var bindings = 0
        var consumers = 0
        var messages = 0
        var ready = 0
        var unacked = 0
        var delayed = 0
        var bytes = 0
        for host in broker.virtualHosts.values {
            exchanges += host.exchanges.count
            host.exchanges.forEach { _, exchange in
                bindings += exchange.bindingCount
                guard let entries = exchange.delayQueue?.delayed?.entries else { return }
                delayed += entries.count
                bytes += entries.bytes
            }
            queues += host.queues.count
            host.queues.forEach { _, queue in
                consumers += queue.consumerCount
                messages += queue.messageCount
                ready += queue.readyCount
                unacked += queue.unackedCount
                bytes += queue.stream == nil ? queue.readyBytes + queue.unackedBytes : queue.readyBytes
            }
        }
        info.field("broker_virtual_hosts", broker.virtualHosts.count)
        info.field("broker_connections", broker.connections.count)
        info.field("broker_channels", broker.connections.values.reduce(0) { $0 + $1.channels.count })
        info.field("broker_consumers", consumers)
        info.field("broker_exchanges", exchanges)
        info.field("broker_bindings", bindings)
        info.field("broker_queues", queues)
        info.field("broker_messages", messages + delayed)
        info.field("broker_messages_ready", ready)
        info.field("broker_messages_unacknowledged", unacked)
        info.field("broker_messages_delayed", delayed)
        info.bytes("broker_message_bytes", bytes)
        info.field("broker_published_total", broker.publishedTotal)
        info.field("broker_delivered_total", broker.deliveredTotal)
        info.field("broker_acknowledged_total", broker.acknowledgedTotal)
        info.field("broker_confirmed_total", broker.confirmedTotal)
        info.field("broker_returned_total", broker.returnedTotal)
    }
}
