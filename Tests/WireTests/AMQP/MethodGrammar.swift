// Every method against an independent model: the grammar of its arguments as letters, written out from
// the specification and RabbitMQ's extensions, not from the code.

import Testing
import Wire

/// One method's arguments: o octet, s short, l long, L long long, S short string, X long string, T table, b bit.
struct MethodGrammar: Sendable, CustomTestStringConvertible {
    let name: String
    let classID: UInt16
    let methodID: UInt16
    let layout: String

    var testDescription: String { name }

    init(_ name: String, _ classID: UInt16, _ methodID: UInt16, _ layout: String) {
        self.name = name
        self.classID = classID
        self.methodID = methodID
        self.layout = layout
    }

    /// Random arguments as the grammar says.
    func arguments(using random: inout SeededGenerator) -> [UInt8] {
        var bytes: [UInt8] = []
        var bit = 0
        for letter in layout {
            if letter == "b" {
                if bit == 0 { bytes.append(0) }
                if Bool.random(using: &random) { bytes[bytes.count - 1] |= UInt8(1 << bit) }
                bit += 1
                continue
            }
            bit = 0
            switch letter {
            case "o": bytes += random.bytes(1)
            case "s": bytes += random.bytes(2)
            case "l": bytes += random.bytes(4)
            case "L": bytes += random.bytes(8)
            case "S":
                let text = random.bytes(Int.random(in: 0...255, using: &random))
                bytes += [UInt8(text.count)] + text
            default:
                let text = random.bytes(Int.random(in: 0...300, using: &random))
                bytes += [0, 0, UInt8(text.count >> 8), UInt8(text.count & 255)] + text
            }
        }
        return bytes
    }

    static let all: [MethodGrammar] = [
        .init("connection.start", 10, 10, "ooTXX"),
        .init("connection.start-ok", 10, 11, "TSXS"),
        .init("connection.secure", 10, 20, "X"),
        .init("connection.secure-ok", 10, 21, "X"),
        .init("connection.tune", 10, 30, "sls"),
        .init("connection.tune-ok", 10, 31, "sls"),
        .init("connection.open", 10, 40, "SSb"),
        .init("connection.open-ok", 10, 41, "S"),
        .init("connection.close", 10, 50, "sSss"),
        .init("connection.close-ok", 10, 51, ""),
        .init("connection.blocked", 10, 60, "S"),
        .init("connection.unblocked", 10, 61, ""),
        .init("connection.update-secret", 10, 70, "XS"),
        .init("connection.update-secret-ok", 10, 71, ""),
        .init("channel.open", 20, 10, "S"),
        .init("channel.open-ok", 20, 11, "X"),
        .init("channel.flow", 20, 20, "b"),
        .init("channel.flow-ok", 20, 21, "b"),
        .init("channel.close", 20, 40, "sSss"),
        .init("channel.close-ok", 20, 41, ""),
        .init("access.request", 30, 10, "Sbbbbb"),
        .init("access.request-ok", 30, 11, "s"),
        .init("exchange.declare", 40, 10, "sSSbbbbbT"),
        .init("exchange.declare-ok", 40, 11, ""),
        .init("exchange.delete", 40, 20, "sSbb"),
        .init("exchange.delete-ok", 40, 21, ""),
        .init("exchange.bind", 40, 30, "sSSSbT"),
        .init("exchange.bind-ok", 40, 31, ""),
        .init("exchange.unbind", 40, 40, "sSSSbT"),
        .init("exchange.unbind-ok", 40, 51, ""),
        .init("queue.declare", 50, 10, "sSbbbbbT"),
        .init("queue.declare-ok", 50, 11, "Sll"),
        .init("queue.bind", 50, 20, "sSSSbT"),
        .init("queue.bind-ok", 50, 21, ""),
        .init("queue.purge", 50, 30, "sSb"),
        .init("queue.purge-ok", 50, 31, "l"),
        .init("queue.delete", 50, 40, "sSbbb"),
        .init("queue.delete-ok", 50, 41, "l"),
        .init("queue.unbind", 50, 50, "sSSST"),
        .init("queue.unbind-ok", 50, 51, ""),
        .init("basic.qos", 60, 10, "lsb"),
        .init("basic.qos-ok", 60, 11, ""),
        .init("basic.consume", 60, 20, "sSSbbbbT"),
        .init("basic.consume-ok", 60, 21, "S"),
        .init("basic.cancel", 60, 30, "Sb"),
        .init("basic.cancel-ok", 60, 31, "S"),
        .init("basic.get", 60, 70, "sSb"),
        .init("basic.get-empty", 60, 72, "S"),
        .init("basic.ack", 60, 80, "Lb"),
        .init("basic.reject", 60, 90, "Lb"),
        .init("basic.recover-async", 60, 100, "b"),
        .init("basic.recover", 60, 110, "b"),
        .init("basic.recover-ok", 60, 111, ""),
        .init("basic.nack", 60, 120, "Lbb"),
        .init("basic.publish", 60, 40, "sSSbb"),
        .init("basic.return", 60, 50, "sSSS"),
        .init("basic.deliver", 60, 60, "SLbSS"),
        .init("basic.get-ok", 60, 71, "LbSSl"),
        .init("confirm.select", 85, 10, "b"),
        .init("confirm.select-ok", 85, 11, ""),
        .init("tx.select", 90, 10, ""),
        .init("tx.select-ok", 90, 11, ""),
        .init("tx.commit", 90, 20, ""),
        .init("tx.commit-ok", 90, 21, ""),
        .init("tx.rollback", 90, 30, ""),
        .init("tx.rollback-ok", 90, 31, ""),
    ]
}
