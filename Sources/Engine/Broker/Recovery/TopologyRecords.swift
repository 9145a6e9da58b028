// Payloads of the records that say what there is: virtual hosts, exchanges, queues, bindings. The same bytes go
// into the log when something changes and into a checkpoint; the layout stands in ../BrokerLog.swift.
// Loop thread only. Next: BrokerReplay.swift (reads them).

import Wire

/// Writes topology records through `append`, which is told type and size first.
struct TopologyRecords {
    typealias Append = (RecordType, Int, (inout RawWriter) -> Void) -> Void

    let append: Append

    func virtualHost(_ type: RecordType, _ name: ByteString) {
        append(type, 1 + name.count) { $0.writeShortString(name.slice) }
    }

    func policySet(_ policy: Policy, in host: VirtualHost) {
        let pattern = Array(policy.pattern.text.utf8)
        let definition = Array(policy.definition.text.utf8)
        let size = 2 + host.name.count + policy.name.count + 1 + 8 + 4 + pattern.count + 4 + definition.count + 1
        append(policy.kind == .user ? .policySet : .operatorPolicySet, size) { writer in
            writer.writeShortString(host.name.slice)
            writer.writeShortString(policy.name.slice)
            writer.writeUInt8(policy.scope.number)
            writer.writeLittle(UInt64(bitPattern: policy.priority))
            writer.writeArguments(pattern)
            writer.writeArguments(definition)
            writer.writeUInt8(policy.isConfigured ? 1 : 0)
        }
    }

    func policyClear(_ policy: Policy, in host: VirtualHost) {
        let type: RecordType = policy.kind == .user ? .policyClear : .operatorPolicyClear
        append(type, 2 + host.name.count + policy.name.count) { writer in
            writer.writeShortString(host.name.slice)
            writer.writeShortString(policy.name.slice)
        }
    }

    func limitSet(_ limit: ResourceLimit, of subject: LimitSubject, _ name: ByteSlice) {
        let limitName = ByteString(limit.name.rawValue)
        append(.limitSet, 1 + 2 + name.count + limitName.count + 8 + 1) { writer in
            writer.writeUInt8(subject.rawValue)
            writer.writeShortString(name)
            withExtendedLifetime(limitName) { writer.writeShortString(limitName.slice) }
            writer.writeLittle(UInt64(bitPattern: limit.value))
            writer.writeUInt8(limit.isConfigured ? 1 : 0)
        }
    }

    func limitClear(_ limit: LimitName, of subject: LimitSubject, _ name: ByteSlice) {
        let limitName = ByteString(limit.rawValue)
        append(.limitClear, 1 + 2 + name.count + limitName.count) { writer in
            writer.writeUInt8(subject.rawValue)
            writer.writeShortString(name)
            withExtendedLifetime(limitName) { writer.writeShortString(limitName.slice) }
        }
    }

    func exchangeDeclare(_ exchange: Exchange) {
        let host = exchange.virtualHost.name
        let type = ByteString(exchange.type.rawValue)
        let size = 3 + host.count + exchange.name.count + type.count + 1 + 4 + exchange.rawArguments.count
        append(.exchangeDeclare, size) { writer in
            writer.writeShortString(host.slice)
            writer.writeShortString(exchange.name.slice)
            withExtendedLifetime(type) { writer.writeShortString(type.slice) }
            writer.writeUInt8((exchange.isAutoDelete ? 1 : 0) | (exchange.isInternal ? 2 : 0))
            writer.writeArguments(exchange.rawArguments)
        }
    }

    func exchangeDelete(_ exchange: Exchange) {
        let host = exchange.virtualHost.name
        append(.exchangeDelete, 2 + host.count + exchange.name.count) { writer in
            writer.writeShortString(host.slice)
            writer.writeShortString(exchange.name.slice)
        }
    }

    func queueDeclare(_ queue: Queue) {
        let host = queue.virtualHost.name
        append(.queueDeclare, 4 + 2 + host.count + queue.name.count + 1 + 4 + queue.rawArguments.count) { writer in
            writer.writeLittle(queue.logID)
            writer.writeShortString(host.slice)
            writer.writeShortString(queue.name.slice)
            writer.writeUInt8(queue.isAutoDelete ? 1 : 0)
            writer.writeArguments(queue.rawArguments)
        }
    }

    /// The queue of a delayed exchange, which has the exchange's name.
    func delayQueueDeclare(_ queue: Queue) {
        let host = queue.virtualHost.name
        append(.delayQueueDeclare, 4 + 2 + host.count + queue.name.count) { writer in
            writer.writeLittle(queue.logID)
            writer.writeShortString(host.slice)
            writer.writeShortString(queue.name.slice)
        }
    }

    func queueDelete(_ queue: Queue) {
        append(.queueDelete, 4) { $0.writeLittle(queue.logID) }
    }

    /// `type`: bind or unbind.
    func binding(_ type: RecordType, _ binding: Binding) {
        let source = binding.source
        let host = source.virtualHost.name
        let destination = binding.destination.name
        var kind: UInt8 = 0
        if case .exchange = binding.destination { kind = 1 }
        let size =
            4 + host.count + source.name.count + destination.count + binding.routingKey.count + 1 + 4
            + binding.rawArguments.count
        append(type, size) { writer in
            writer.writeShortString(host.slice)
            writer.writeShortString(source.name.slice)
            writer.writeUInt8(kind)
            writer.writeShortString(destination.slice)
            writer.writeShortString(binding.routingKey.slice)
            writer.writeArguments(binding.rawArguments)
        }
    }
}

extension RawWriter {
    fileprivate mutating func writeArguments(_ arguments: [UInt8]) {
        writeLittle(UInt32(arguments.count))
        arguments.withUnsafeBytes { writeSlice(ByteSlice($0)) }
    }
}
