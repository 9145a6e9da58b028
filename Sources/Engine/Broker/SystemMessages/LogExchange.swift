// The daemon's log lines as messages: to the topic exchange amq.rabbitmq.log of the default virtual host, with the level as
// routing key (rabbitmq.com/docs/logging#log-exchange). What publishing itself has to say is not published.
// Loop thread only. Next: SystemMessages.swift.

import Wire

extension VirtualHost {
    static let logExchangeName: StaticString = "amq.rabbitmq.log"
}

extension Broker {
    /// - Parameter contentType: `text/plain` or `application/json`, as lines are formatted.
    public func publishLogLine(level: String, contentType: String, _ line: String) {
        guard !systemMessages.isPublishing, let exchange = defaultHost?.exchange(ByteSlice(VirtualHost.logExchangeName))
        else { return }
        var properties = BasicProperties()
        properties.contentType = Array(contentType.utf8)
        properties.timestamp = UInt64(max(0, context.time.wallMilliseconds) / 1_000)
        properties.headers = ["node": .string(context.configuration.nodeName)]
        var line = line
        line.withUTF8 {
            systemMessages.add(
                exchange, key: Array(level.utf8), properties, body: ByteSlice(UnsafeRawBufferPointer($0)))
        }
    }

    var defaultHost: VirtualHost? {
        let name = ByteString(context.configuration.defaultVirtualHost)
        return withExtendedLifetime(name) { virtualHost(name.slice) }
    }
}
