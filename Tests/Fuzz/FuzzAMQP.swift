// libFuzzer's entry to the AMQP decoders: frames, every method, content headers, properties and tables.
// What must hold stands in Wire/AMQP/AMQPDecoderProbe.swift. Built and run by Scripts/fuzz, not by SwiftPM.

import Wire

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzAMQP(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let bytes = ByteSlice(UnsafeRawBufferPointer(start: data, count: size))
    AMQPDecoderProbe.run(bytes)
    #if PLANTED_BUG
    trapOnPlantedBug(bytes)
    #endif
    return 0
}

#if PLANTED_BUG
/// A mistake that only a well-formed frame reaches: `queue.purge` that wants no reply, on a channel above 255.
/// A fuzzer that does not find it does not look inside frames.
private func trapOnPlantedBug(_ bytes: ByteSlice) {
    var input = ByteCursor(bytes)
    while let frame = try? AMQPFrame.next(&input, frameBytesMax: 131_072) {
        guard frame.type == FrameType.method, let (id, arguments) = try? frame.method(), id == QueuePurge.id,
            let purge = try? QueuePurge(arguments: arguments)
        else { continue }
        // One after the other, so that each step is new coverage.
        guard purge.noWait else { continue }
        guard frame.channel > 255 else { continue }
        fatalError("the planted bug")
    }
}
#endif
