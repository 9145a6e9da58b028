// Payloads as Redis 7.0 has dumped them, and of older and newer forms, with the command that reads them and
// what it says.

/// A payload, a reading command on key `k`, and its reply.
let dumpRecordings: [(name: String, payload: String, command: String, reply: String)] = [
    ("empty string", "00000a005d9b5c400f7fa2da", "GET k", "$0 "),
    ("string", "000568656c6c6f0a006372df766534200a", "GET k", "$5 hello"),
    ("integer of one byte", "00c00c0a003c2af8515c04bcd5", "GET k", "$2 12"),
    ("integer of two bytes", "00c17fff0a001760822854808480", "GET k", "$4 -129"),
    ("integer of four bytes", "00c2701101000a0001a408fe953095a5", "GET k", "$5 70000"),
    (
        "long number", "000e31323334353637383930313233340a00afcb8c7b76a08b6a", "GET k", "$14 12345678901234"
    ),
    (
        "compressed string", "00c3094064016161e057000161610a00e8a3b507b06df271", "GET k",
        "$100 " + String(repeating: "a", count: 100)
    ),
    (
        "list of listpacks",
        "120102c3184058105800000004008161020101ded402e04662e03c000148ff0a000759561ce4248359", "LRANGE k 0 -1",
        "*4 $1 a $1 1 $4 -300 $70 " + String(repeating: "b", count: 70)
    ),
    (
        "list with a single element", "12020105706c61696e020c0c00000002008161020501ff0a00a541059d5d1ab186",
        "LRANGE k 0 -1", "*3 $5 plain $1 a $1 5"
    ),
    (
        "integers", "0b1404000000030000000100000002000000701101000a0085d5c1065b1dd055", "SORT k",
        "*3 $1 1 $1 2 $5 70000"
    ),
    (
        "integers of eight bytes", "0bc31720040800000003200301fbff80000001200bc000000220080a00ead6ee3495c7a7f9",
        "SORT k", "*3 $2 -5 $1 1 $10 8589934592"
    ),
    ("set", "02020161c0010a00ce387e029ce13e72", "SORT k ALPHA", "*2 $1 1 $1 a"),
    (
        "hash of a listpack", "1014140000000400816602817602816e02f1881303ff0a001a65a31d57b9ef52", "HGETALL k",
        "*4 $1 f $1 v $1 n $4 5000"
    ),
    (
        "hash", "04010166c3094041017676e034000176760a003d71be523786cf45", "HGETALL k",
        "*2 $1 f $65 " + String(repeating: "v", count: 65)
    ),
    (
        "sorted set of a listpack",
        "111d1d0000000600816302842d696e6605816102010181620283322e3504ff0a003992339be11f323d",
        "ZRANGE k 0 -1 WITHSCORES", "*6 $1 c $4 -inf $1 a $1 1 $1 b $3 2.5"
    ),
    (
        "sorted set",
        "05020162000000000000f07fc3094041016161e03400016161000000000000f83f0a002fc3ed034dfd4d50",
        "ZRANGE k 0 -1 WITHSCORES", "*4 $65 " + String(repeating: "a", count: 65) + " $3 1.5 $1 b $3 inf"
    ),
    (
        "stream",
        "130110000000000000000100000000000000013e3e0000001800020101010101816602000102010001000181760204010101010104"
            + "010201816602817702816702817802080102010201dfff0205010401ff0203000101020503010167010181ffffffffffffffff"
            + "0100000000000000010000000000000001f378ff14a201000001020163f378ff14a20100000100000000000000010000000000"
            + "0000010164f378ff14a2010000000a0012c9c98d9d2715b6",
        "XRANGE k - +", "*2 *2 $3 1-1 *2 $1 f $1 v *2 $3 3-0 *2 $1 f $1 5"
    ),
    ("empty stream", "13000001010000010101000a00cda16212d34bf396", "XLEN k", ":0"),
    (
        "list of a ziplist",
        "0a41abab010000a30100000a0000016103f602fe9c03c02c0104f06079fe05d00000004006e00000000000ffffff0a4046"
            + String(repeating: "78", count: 70) + "49412c" + String(repeating: "79", count: 300)
            + "fe2f010000017aff0900e7c3cf4ba864ece6",
        "LRANGE k 0 7",
        "*8 $1 a $1 5 $4 -100 $3 300 $7 -100000 $10 1073741824 $14 -1099511627776 $70 "
            + String(repeating: "x", count: 70)
    ),
    (
        "list of ziplists",
        "0e0210100000000d000000020000016103fdff11110000000d000000020000016203feffff09003df5a71fafba5fa2",
        "LRANGE k 0 -1", "*4 $1 a $2 12 $1 b $2 -1"
    ),
    (
        "hash of a ziplist", "0d171700000013000000040000016603017603016e03fe0dff0900490db16a0b134cac", "HGETALL k",
        "*4 $1 f $1 v $1 n $2 13"
    ),
    (
        "sorted set of a ziplist",
        "0c181800000012000000040000016103f20201620303322e35ff09008ca54c51c0e9cd06", "ZRANGE k 0 -1 WITHSCORES",
        "*4 $1 a $1 1 $1 b $3 2.5"
    ),
    (
        "sorted set with scores as text", "0303016101320162fe0163ff0900680dc7d30e39150a",
        "ZRANGE k 0 -1 WITHSCORES", "*6 $1 c $4 -inf $1 a $1 2 $1 b $3 inf"
    ),
    ("list of elements", "01020161c005090097512645a449d826", "LRANGE k 0 -1", "*2 $1 a $1 5"),
    // Put together by the formats of Redis 7.4.
    (
        "hash with times", "180013efcd4b02000003010161c001020162c002000163c0030c00ea7366197c267a61",
        "HPEXPIRETIME k FIELDS 3 a b c", "*3 :2524600800000 :2524600800001 :-1"
    ),
    (
        "listpack of a hash with times",
        "190013efcd4b0200001d1d00000006008178020701f40013efcd4b0200000981790208010001ff0c005785be6c385f351f",
        "HPEXPIRETIME k FIELDS 2 x y", "*2 :2524600800000 :-1"
    ),
]

extension [UInt8] {
    /// From two digits for each byte.
    init(hexadecimal text: String) {
        let digits = Swift.Array(text.utf8).map { $0 < 58 ? $0 - 48 : $0 - 87 }
        self = stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}
