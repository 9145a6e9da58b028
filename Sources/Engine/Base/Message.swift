// A message: properties as they came and body, in one allocation, counted by reference. However many
// queues it goes to and however often it is delivered, its bytes exist once.
// Exchange and routing key stand in it encoded as AMQP short strings, since that is how every delivery
// writes them. What queues know about it (redelivered, expiry, count) stands in their entries, not here.
// Loop thread only. Boundary file for raw pointers. Next: ../Broker/.

import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Sizes and parsed properties of a message.
struct MessageHeader {
    /// Bytes of exchange and routing key, both as short strings.
    var addressBytes: UInt16 = 0
    /// Bytes of the exchange's short string within them, its length octet included.
    var exchangeBytes: UInt16 = 0
    /// Property flags and property list, as in a content header after the body size.
    var propertiesBytes: Int32 = 0
    /// Entries of queues, unacknowledged ones included, that hold it in memory.
    var entryCount: Int32 = 0
    var isPersistent = false
    /// 0 when absent.
    var priority: UInt8 = 0
    var bodyBytes = 0
    /// Position of its record in the log; 0 while it has none (transient, or in no durable queue).
    var logPosition: LogPosition = 0
    /// Property `expiration` in milliseconds; −1 when absent.
    var expirationMilliseconds: Int64 = -1
}

/// One message; immutable once its body is complete.
final class Message: ManagedBuffer<MessageHeader, UInt8> {
    /// Makes a message with room for its body, which `writeBody` fills.
    /// `exchange` and `routingKey` are at most 255 bytes each: they come from short strings.
    static func make(exchange: ByteSlice, routingKey: ByteSlice, properties: ByteSlice, bodyBytes: Int) -> Message {
        let addressBytes = exchange.count + routingKey.count + 2
        let made = Message.create(minimumCapacity: addressBytes + properties.count + bodyBytes) { _ in
            MessageHeader(
                addressBytes: UInt16(addressBytes), exchangeBytes: UInt16(exchange.count + 1),
                propertiesBytes: Int32(properties.count), bodyBytes: bodyBytes)
        }
        let message = unsafeDowncast(made, to: Message.self)
        message.withUnsafeMutablePointerToElements { elements in
            var writer = RawWriter(UnsafeMutableRawPointer(elements))
            writer.writeShortString(exchange)
            writer.writeShortString(routingKey)
            writer.writeSlice(properties)
        }
        return message
    }

    @inline(__always)
    private var elements: UnsafeMutableRawPointer {
        withUnsafeMutablePointerToElements { UnsafeMutableRawPointer($0) }
    }

    /// Copies a part of the body to its place.
    func writeBody(_ part: ByteSlice, at offset: Int) {
        precondition(offset >= 0 && part.count <= header.bodyBytes - offset, "body part leaves the message")
        let start = Int(header.addressBytes) + Int(header.propertiesBytes) + offset
        memcpy(elements + start, part.base, part.count)
    }

    /// Exchange and routing key as two short strings, ready for `basic.deliver`. Valid while the message lives.
    @inline(__always)
    var address: ByteSlice { ByteSlice(base: elements, count: Int(header.addressBytes)) }

    @inline(__always)
    var exchange: ByteSlice { ByteSlice(base: elements + 1, count: Int(header.exchangeBytes) - 1) }

    @inline(__always)
    var routingKey: ByteSlice {
        ByteSlice(
            base: elements + Int(header.exchangeBytes) + 1,
            count: Int(header.addressBytes) - Int(header.exchangeBytes) - 1)
    }

    /// Property flags and list, as they go into a content header. Valid while the message lives.
    @inline(__always)
    var properties: ByteSlice {
        ByteSlice(base: elements + Int(header.addressBytes), count: Int(header.propertiesBytes))
    }

    /// Valid while the message lives.
    @inline(__always)
    var body: ByteSlice {
        ByteSlice(
            base: elements + Int(header.addressBytes) + Int(header.propertiesBytes), count: header.bodyBytes)
    }

    /// What it takes in memory, one entry that refers to it included.
    @inline(__always)
    var residentBytes: Int {
        Int(header.addressBytes) + Int(header.propertiesBytes) + header.bodyBytes + Limits.messageOverheadBytes
    }

    /// Address, properties and body as they lie in memory, one after the other. Valid while the message lives.
    @inline(__always)
    var content: ByteSlice {
        ByteSlice(
            base: elements,
            count: Int(header.addressBytes) + Int(header.propertiesBytes) + header.bodyBytes)
    }
}
