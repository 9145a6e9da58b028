// Scripts and what Redis 7.0.15 answers to them over RESP2: recorded once, byte for byte.
// `\u{…}` stands for single bytes below 128 only.

/// Script and reply.
let scriptAnswers: [(script: String, reply: String)] = [
    ("return cjson.encode({})", "$2\r\n{}\r\n"),
    (
        "return cjson.encode({[1]=1,[2]=2,[20]=3})",
        "-ERR user_script:1: Cannot serialise table: excessively sparse array script: 8fa84baceda79f6bc89b0c665d446d3a38f9c55a, on @user_script:1.\r\n"
    ),
    ("return cjson.encode({[1]=1,[2]=2,[5]=3})", "$17\r\n[1,2,null,null,3]\r\n"),
    ("return cjson.encode({a=1,[1]=2,[1.5]=3})", "$21\r\n{\"a\":1,\"1.5\":3,\"1\":2}\r\n"),
    (
        "return cjson.encode({[true]=1})",
        "-ERR user_script:1: Cannot serialise boolean: table key must be a number or string script: 376a640005c8509c694166527ca834359bf69aa8, on @user_script:1.\r\n"
    ),
    (
        "return cjson.encode(print or 1)",
        "-ERR user_script:1: Script attempted to access nonexistent global variable 'print' script: c713889dc3635c6444fc5ff574482874d50648db, on @user_script:1.\r\n"
    ),
    (
        "return cjson.encode(type)",
        "-ERR user_script:1: Cannot serialise function: type not supported script: ac953d07cf9bd36e9046fead9114bc29ca6b50f7, on @user_script:1.\r\n"
    ),
    (
        "return cjson.encode(0/0)",
        "-ERR user_script:1: Cannot serialise number: must not be NaN or Inf script: d3f8d4e745d6587b04e9dd216e0d4631f0a306d9, on @user_script:1.\r\n"
    ),
    (
        "return cjson.encode()",
        "-ERR user_script:1: bad argument #1 to 'encode' (expected 1 argument) script: fc593ea31f478c7ed65c77495cc63edeb9153530, on @user_script:1.\r\n"
    ),
    (
        "return cjson.encode(1,2)",
        "-ERR user_script:1: bad argument #1 to 'encode' (expected 1 argument) script: 9796fc0f4acc8ba1f9133e705bfd4aa24561765a, on @user_script:1.\r\n"
    ),
    (
        "return cjson.encode({type})",
        "-ERR user_script:1: Cannot serialise function: type not supported script: 8bc98cbad09213418cf7cfe710ebb40bf7b0dd36, on @user_script:1.\r\n"
    ),
    (
        "return cjson.decode('[1,2')",
        "-ERR user_script:1: Expected comma or array end but found T_END at character 5 script: c107001b5ba2ff860ee2557f64da37c4767ef4bd, on @user_script:1.\r\n"
    ),
    (
        "return cjson.decode('[1,2}')",
        "-ERR user_script:1: Expected comma or array end but found T_OBJ_END at character 5 script: 2a22f036d20bf818cfdf56ad1313a6b7276d4c03, on @user_script:1.\r\n"
    ),
    (
        "return cjson.decode('{1:2}')",
        "-ERR user_script:1: Expected object key string but found T_NUMBER at character 2 script: b7dfc51e0d5bf164c246fe708a2e33743e899be6, on @user_script:1.\r\n"
    ),
    (
        "return cjson.decode('{\"a\" 2}')",
        "-ERR user_script:1: Expected colon but found T_NUMBER at character 6 script: 53f0a907a457a723a04a12b158e74d644432a6dc, on @user_script:1.\r\n"
    ),
    (
        "return cjson.decode('{\"a\":2 3}')",
        "-ERR user_script:1: Expected comma or object end but found T_NUMBER at character 8 script: c07232f6d84d8a66d9f3945efee20a5396354a04, on @user_script:1.\r\n"
    ),
    (
        "return cjson.decode('')",
        "-ERR user_script:1: Expected value but found T_END at character 1 script: 7ff8cf86abed928f4d61a01dcc9713f0117b180a, on @user_script:1.\r\n"
    ),
    (
        "return cjson.decode('[1,]')",
        "-ERR user_script:1: Expected value but found T_ARR_END at character 4 script: d31ab1dd313d99d4ad3dac6e48cdff283bea270c, on @user_script:1.\r\n"
    ),
    (
        "return cjson.decode('foo')",
        "-ERR user_script:1: Expected value but found invalid token at character 1 script: 1f0db4242c71acab5ecdab76b7b28da2abb59188, on @user_script:1.\r\n"
    ),
    (
        "return cjson.decode('1 2')",
        "-ERR user_script:1: Expected the end but found T_NUMBER at character 3 script: 1408d9a9f8459030a4a353692b905ad7a0ddb424, on @user_script:1.\r\n"
    ),
    (
        "return cjson.decode('\"abc')",
        "-ERR user_script:1: Expected value but found unexpected end of string at character 5 script: 30d67c6fb8e066eef4796bfcc59cee500c381744, on @user_script:1.\r\n"
    ),
    (
        "return cjson.decode('\"a\\\\x\"')",
        "-ERR user_script:1: Expected value but found invalid escape code at character 3 script: 6f1e8a067b75231ce292db1778d7e5eeb3b66342, on @user_script:1.\r\n"
    ),
    (
        "return cjson.decode('\"a\\\\uD83D\"')",
        "-ERR user_script:1: Expected value but found invalid unicode escape code at character 3 script: 124590a6a99faa3d93875d4e67e181bc55b579e2, on @user_script:1.\r\n"
    ),
    (
        "return cjson.decode('\"a\\\\u12G4\"')",
        "-ERR user_script:1: Expected value but found invalid unicode escape code at character 3 script: c6173167912da2409ab55dcfd922db128439208a, on @user_script:1.\r\n"
    ),
    (
        "return cjson.decode('[' .. string.rep('[',1100))",
        "-ERR user_script:1: Found too many nested data structures (1001) at character 1001 script: 2f5dd8d9cfe1bbf27797b3af3227c1e830ab1149, on @user_script:1.\r\n"
    ),
    (
        "return cjson.decode(\"\\0a\\0b\")",
        "-ERR user_script:1: JSON parser does not support UTF-16 or UTF-32 script: 29d33b148be7398d378e4d346fea8662191e0393, on @user_script:1.\r\n"
    ),
    ("return cjson.decode('[\"a\\tb\"]')", "*1\r\n$3\r\na\u{9}b\r\n"),
    (
        "return cjson.decode('truex')",
        "-ERR user_script:1: Expected the end but found invalid token at character 5 script: 6e70d391cb7729b386bd9fd128f3dd0bfee15744, on @user_script:1.\r\n"
    ),
    ("local a,b,c=cjson.encode_sparse_array() return {tostring(a),b,c}", "*3\r\n$5\r\nfalse\r\n:2\r\n:10\r\n"),
    (
        "return cjson.encode_max_depth(0)",
        "-ERR user_script:1: bad argument #1 to 'encode_max_depth' (expected integer between 1 and 2147483647) script: f40da52b0819d675b8802812b1c4504462426d31, on @user_script:1.\r\n"
    ),
    (
        "return cjson.encode_number_precision(15)",
        "-ERR user_script:1: bad argument #1 to 'encode_number_precision' (expected integer between 1 and 14) script: bbd9450de606b026b51b67e7b961ff09397ea6dd, on @user_script:1.\r\n"
    ),
    ("return cjson.encode_number_precision(14)", ":14\r\n"),
    (
        "return cjson.encode_invalid_numbers('foo')",
        "-ERR user_script:1: bad argument #1 to 'encode_invalid_numbers' (invalid option 'foo') script: fb9b0658a7467804a56fc9b39cc5cd3b92806248, on @user_script:1.\r\n"
    ),
    ("return cjson.encode_invalid_numbers('null')", "$4\r\nnull\r\n"),
    ("return tostring(cjson.encode_invalid_numbers(true))", "$4\r\ntrue\r\n"),
    ("return tostring(cjson.encode_invalid_numbers(false))", "$5\r\nfalse\r\n"),
    (
        "local s=cmsgpack.pack(1,-1,127,128,255,256,65535,65536,4294967295,4294967296,-32,-33,-128,-129,-32768,-32769,-2147483648,-2147483649) local o='' for i=1,#s do o=o..string.format('%02x',s:byte(i)) end return o",
        "$124\r\n01ff7fcc80ccffcd0100cdffffce00010000ceffffffffcf0000000100000000e0d0dfd080d1ff7fd18000d2ffff7fffd280000000d3ffffffff7fffffff\r\n"
    ),
    (
        "local s=cmsgpack.pack(1.5,0.1,1e300,0/0,1/0) local o='' for i=1,#s do o=o..string.format('%02x',s:byte(i)) end return o",
        "$74\r\nca3fc00000cb3fb999999999999acb7e37e43c8800759ccbfff8000000000000ca7f800000\r\n"
    ),
    (
        "local s=cmsgpack.pack('','a',string.rep('x',40)) local o='' for i=1,#s do o=o..string.format('%02x',s:byte(i)) end return o",
        "$90\r\na0a161d92878787878787878787878787878787878787878787878787878787878787878787878787878787878\r\n"
    ),
    (
        "local s=cmsgpack.pack({},{1,2},{a=1},{[1]=1,[3]=3},{[0]=1},true,false,nil) local o='' for i=1,#s do o=o..string.format('%02x',s:byte(i)) end return o",
        "$38\r\n9092010281a161018201010303810001c3c2c0\r\n"
    ),
    (
        "local s=cmsgpack.pack(type) local o='' for i=1,#s do o=o..string.format('%02x',s:byte(i)) end return o",
        "$2\r\nc0\r\n"
    ),
    (
        "local s=cmsgpack.pack({{{{{{{{{{{{{{{{{{1}}}}}}}}}}}}}}}}}}) local o='' for i=1,#s do o=o..string.format('%02x',s:byte(i)) end return o",
        "$34\r\n91919191919191919191919191919191c0\r\n"
    ),
    (
        "local s=cmsgpack.pack({[1.5]=1}) local o='' for i=1,#s do o=o..string.format('%02x',s:byte(i)) end return o",
        "$14\r\n81ca3fc0000001\r\n"
    ),
    (
        "return cmsgpack.pack()",
        "-ERR user_script:1: bad argument #0 to 'pack' (MessagePack pack needs input.) script: 6bc235afa55de88253e203cc5fe5844792e25209, on @user_script:1.\r\n"
    ),
    (
        "return cmsgpack.unpack()",
        "-ERR user_script:1: bad argument #1 to 'unpack' (string expected, got no value) script: 78103c0f3f46e5897cb5d2fad8dfb28bd38e0eeb, on @user_script:1.\r\n"
    ),
    ("return cmsgpack.unpack('')", "$-1\r\n"),
    (
        "return cmsgpack.unpack('\\193')",
        "-ERR user_script:1: Bad data format in input. script: dc135bd7bc2955014f03280e151acf74360378e7, on @user_script:1.\r\n"
    ),
    (
        "return cmsgpack.unpack('\\146\\1')",
        "-ERR user_script:1: Missing bytes in input. script: a554dbe54e9b5e6d26753c722e2cef5aded0e5e2, on @user_script:1.\r\n"
    ),
    ("return {cmsgpack.unpack('\\1\\2\\3')}", "*3\r\n:1\r\n:2\r\n:3\r\n"),
    ("return {cmsgpack.unpack_one('\\1\\2\\3')}", "*2\r\n:1\r\n:1\r\n"),
    ("return {cmsgpack.unpack_one('\\1\\2\\3',1)}", "*2\r\n:2\r\n:2\r\n"),
    ("return {cmsgpack.unpack_one('\\1\\2\\3',3)}", "*1\r\n:-1\r\n"),
    (
        "return {cmsgpack.unpack_one('\\1\\2\\3',4)}",
        "-ERR user_script:1: Start offset 4 greater than input length 3. script: 9e652ac38d78e379be40489619e3cf5eaa40be39, on @user_script:1.\r\n"
    ),
    (
        "return {cmsgpack.unpack_one('\\1\\2\\3',-1)}",
        "-ERR user_script:1: Invalid request to unpack with offset of -1 and limit of 3. script: cc2b950497c946c199eb19e47e5eb541ae2d349b, on @user_script:1.\r\n"
    ),
    ("return {cmsgpack.unpack_limit('\\1\\2\\3',2)}", "*3\r\n:2\r\n:1\r\n:2\r\n"),
    ("return {cmsgpack.unpack_limit('\\1\\2\\3',2,2)}", "*2\r\n:-1\r\n:3\r\n"),
    (
        "return {cmsgpack.unpack_limit('\\1\\2\\3',-2,0)}",
        "-ERR user_script:1: Invalid request to unpack with offset of 0 and limit of 3. script: 4a217c0ed033d9d5396d6687d1c642b95541c312, on @user_script:1.\r\n"
    ),
    (
        "return {cmsgpack.unpack('\\196\\1a')}",
        "-ERR user_script:1: Bad data format in input. script: 91d63a26ef3fef676ccafbf87a95e18c4408141e, on @user_script:1.\r\n"
    ),
    (
        "return {cmsgpack.unpack('\\199\\1\\1a')}",
        "-ERR user_script:1: Bad data format in input. script: 336f67aba22a51f5c035cf181abbe180839e1913, on @user_script:1.\r\n"
    ),
    (
        "return {cmsgpack.unpack('\\212\\1a')}",
        "-ERR user_script:1: Bad data format in input. script: 9d291850367322e6324b62514d7f4858a51360e5, on @user_script:1.\r\n"
    ),
    (
        "return {cmsgpack.unpack('\\129\\192\\1')}",
        "-ERR table index is nil script: b57640c96e3674704b8e4c9127630b3cf5524843, on @user_script:1.\r\n"
    ),
    ("return {tostring(cmsgpack.unpack('\\207\\255\\255\\255\\255\\255\\255\\255\\255'))}", "*1\r\n$2\r\n-1\r\n"),
    ("return {cmsgpack.unpack(1)}", "*1\r\n:49\r\n"),
    (
        "local s=struct.pack('>I2i4h','1',-2,300) local o='' for i=1,#s do o=o..string.format('%02x',s:byte(i)) end return o",
        "$16\r\n0001fffffffe012c\r\n"
    ),
    (
        "local s=struct.pack('<!4bi4',1,2) local o='' for i=1,#s do o=o..string.format('%02x',s:byte(i)) end return o",
        "$16\r\n0100000002000000\r\n"
    ),
    (
        "local s=struct.pack('sc3c0','ab','xyz','') local o='' for i=1,#s do o=o..string.format('%02x',s:byte(i)) end return o",
        "$12\r\n61620078797a\r\n"
    ),
    (
        "local s=struct.pack('lLTfd',1,2,3,1.5,2.5) local o='' for i=1,#s do o=o..string.format('%02x',s:byte(i)) end return o",
        "$72\r\n0100000000000000020000000000000003000000000000000000c03f0000000000000440\r\n"
    ),
    (
        "local s=struct.pack('bxxH',1,2) local o='' for i=1,#s do o=o..string.format('%02x',s:byte(i)) end return o",
        "$10\r\n0100000200\r\n"
    ),
    (
        "local s=struct.pack('!8bl',1,2) local o='' for i=1,#s do o=o..string.format('%02x',s:byte(i)) end return o",
        "$32\r\n01000000000000000200000000000000\r\n"
    ),
    (
        "local s=struct.pack('!bI4i8',1,2,3) local o='' for i=1,#s do o=o..string.format('%02x',s:byte(i)) end return o",
        "$32\r\n01000000020000000300000000000000\r\n"
    ),
    (
        "return struct.pack('y',1)",
        "-ERR user_script:1: bad argument #1 to 'pack' (invalid format option 'y') script: 89f1e10ddd35467fa63a93e0091221a8af1352e2, on @user_script:1.\r\n"
    ),
    (
        "return struct.pack('i33',1)",
        "-ERR user_script:1: integral size 33 is larger than limit of 32 script: 4b5c165af2e6891884809860ebfa9b6c33a178b8, on @user_script:1.\r\n"
    ),
    (
        "return struct.pack('!3b',1)",
        "-ERR user_script:1: alignment 3 is not a power of 2 script: 11951ecbc61c6b025937d220b6ad235b6ad60223, on @user_script:1.\r\n"
    ),
    (
        "return struct.pack('c5','abc')",
        "-ERR user_script:1: bad argument #3 to 'pack' (string too short) script: 7a1fcec662fc37b52cc4c28a073c731cd6eb8aa6, on @user_script:1.\r\n"
    ),
    (
        "return struct.pack('i')",
        "-ERR user_script:1: bad argument #2 to 'pack' (number expected, got nil) script: 63b299178a495d059d925846f3a5f58587cb30c9, on @user_script:1.\r\n"
    ),
    ("return {struct.unpack('>I2','\\1\\2')}", "*2\r\n:258\r\n:3\r\n"),
    (
        "return {struct.unpack('>I2','\\1')}",
        "-ERR user_script:1: bad argument #2 to 'unpack' (data string too short) script: c08844d5cbdab15b463b94f9ed48e03cb983b953, on @user_script:1.\r\n"
    ),
    (
        "return {struct.unpack('s','abc')}",
        "-ERR user_script:1: unfinished string in data script: a14ba27ad2a7b239728307503b8a93667b2551a6, on @user_script:1.\r\n"
    ),
    ("return {struct.unpack('Bc0','\\3abcd')}", "*2\r\n$3\r\nabc\r\n:5\r\n"),
    (
        "return {struct.unpack('c0','\\3abcd')}",
        "-ERR user_script:1: format 'c0' needs a previous size script: 4fb916812a8b52a980a1b07ed0edb9b305c145de, on @user_script:1.\r\n"
    ),
    ("return {struct.unpack('>I2','\\1\\2\\3',2)}", "*2\r\n:515\r\n:4\r\n"),
    (
        "return {struct.unpack('>I2','\\1\\2\\3',0)}",
        "-ERR user_script:1: bad argument #3 to 'unpack' (offset must be 1 or greater) script: 7b8ea91407ec849f587f2262f5f4482cebc82dc7, on @user_script:1.\r\n"
    ),
    ("return struct.size('bi!4i')", ":12\r\n"),
    (
        "return struct.size('s')",
        "-ERR user_script:1: bad argument #1 to 'size' (option 's' has no fixed size) script: a2a0525826ab7939ccd3f54427a862205642f28f, on @user_script:1.\r\n"
    ),
    (
        "return struct.size('c0')",
        "-ERR user_script:1: bad argument #1 to 'size' (option 'c0' has no fixed size) script: 18f217e7d560de92703dc71e9797e043b536e0e6, on @user_script:1.\r\n"
    ),
    (
        "return struct.size('i2147483647')",
        "-ERR user_script:1: integral size 2147483647 is larger than limit of 32 script: 608893a9fc6a2035224fa88e09abe17b263dca1e, on @user_script:1.\r\n"
    ),
    ("return struct.size('c2147483647c2147483647')", ":4294967294\r\n"),
    (
        "return struct.pack('c300','x')",
        "-ERR user_script:1: bad argument #3 to 'pack' (string too short) script: e2c85e7d025255b404a13759c48c544276a9c003, on @user_script:1.\r\n"
    ),
    (
        "return {bit.tobit(4294967295),bit.bnot(0),bit.band(0xff,0x0f),bit.bor(1,2,4),bit.bxor(1,3),bit.lshift(1,31),bit.rshift(-1,1),bit.arshift(-8,1),bit.rol(0x12345678,8),bit.ror(0x12345678,8),bit.bswap(0x12345678),bit.tohex(-1),bit.tohex(255,4),bit.tohex(255,-4),bit.tobit(1e15),bit.tobit(2^40+5),bit.tobit(1.5),bit.tobit(2.5),bit.band('12',6)}",
        "*19\r\n:-1\r\n:-1\r\n:15\r\n:7\r\n:2\r\n:-2147483648\r\n:2147483647\r\n:-4\r\n:878082066\r\n:2014458966\r\n:2018915346\r\n$8\r\nffffffff\r\n$4\r\n00ff\r\n$4\r\n00FF\r\n:-1530494976\r\n:5\r\n:2\r\n:2\r\n:4\r\n"
    ),
    (
        "return bit.band()",
        "-ERR user_script:1: bad argument #1 to 'band' (number expected, got no value) script: 5cf53f885283a4f44a8fe7ad7e7fccaed4113e62, on @user_script:1.\r\n"
    ),
    (
        "return bit.band({})",
        "-ERR user_script:1: bad argument #1 to 'band' (number expected, got table) script: fdfcd4a526b9032c8d0b9f05f3e3b149837d79ec, on @user_script:1.\r\n"
    ),
    ("return bit.tohex(1,0)", "$0\r\n\r\n"),
    (
        "local ok,e=pcall(function() return redis.call('foo') end) return type(e)..tostring(e)",
        "$50\r\nstringERR Unknown Redis command called from script\r\n"
    ),
    (
        "local ok,e=xpcall(function() return redis.call('foo') end, function(x) return x end) return type(e)",
        "$5\r\ntable\r\n"
    ),
    ("local ok,e=pcall(function() error({err='a',x=1}) end) return type(e)", "$6\r\nstring\r\n"),
    ("local ok,e=pcall(function() error({x=1}) end) return type(e)", "$5\r\ntable\r\n"),
    ("KEYS[1]='a' return KEYS[1]", "$1\r\na\r\n"),
    (
        "local t={} for i=1,9000 do t[i]=i end return #{unpack(t)}",
        "-ERR user_script:1: too many results to unpack script: df13626664107833c6c59977e24a5d7dbff177c4, on @user_script:1.\r\n"
    ),
    ("redis.setresp(3) return tostring(redis.call('get','nokey'))", "$3\r\nnil\r\n"),
    ("return tostring(redis.call('get','nokey'))", "$5\r\nfalse\r\n"),
    (
        "return tostring(nil)..nil",
        "-ERR user_script:1: attempt to concatenate a nil value script: dde77869d024b0a62ddc383bc379f14c4ebad312, on @user_script:1.\r\n"
    ),
    (
        "local a; a.b=1",
        "-ERR user_script:1: attempt to index local 'a' (a nil value) script: 47e233cf45c81ee1fc5de23b39f703b00aec72a6, on @user_script:1.\r\n"
    ),
    (
        "return 'a'..{}",
        "-ERR user_script:1: attempt to concatenate a table value script: 3cb5aeb5874e62a4ed4a1c335cd5ef1eddcf965c, on @user_script:1.\r\n"
    ),
    (
        "\nreturn redis.call('foo')",
        "-ERR Unknown Redis command called from script script: 9bec63d63fd656753e28ba8893ab88f5dc58adb3, on @user_script:2.\r\n"
    ),
    (
        "local function f()\n redis.call('foo')\nend\nf()",
        "-ERR Unknown Redis command called from script script: cff643dfbf1163309f67fc0593cf92bb834a10b1, on @user_script:2.\r\n"
    ),
    ("return redis.error_reply('a\\r\\nb')", "-ERR a  b\r\n"),
    ("return redis.status_reply('a\\r\\nb')", "+a  b\r\n"),
    ("return redis.status_reply()", "-ERR wrong number or type of arguments\r\n"),
    ("return redis.error_reply({})", "-ERR wrong number or type of arguments\r\n"),
    ("return redis.error_reply('')", "-ERR \r\n"),
    ("return redis.error_reply('-foo')", "-ERR foo\r\n"),
    ("error()", "-ERR nil script: aca90d914519fdb9825352bdc0befb59f7c8510f, on @user_script:1.\r\n"),
    ("error('boom',0)", "-ERR boom script: 8ed6bdaa91a78433c7127e0a0f1b142e932907c7, on @user_script:1.\r\n"),
    (
        "error({err='My error',source='x',line=5})",
        "-My error script: ee3bb499779ece534bae384a023978c1063d8bcd, on @user_script:1.\r\n"
    ),
    (
        "return redis.call('set','a')",
        "-ERR Wrong number of args calling Redis command from script script: 68990c26510f449300ea04360b77feec1f073cc8, on @user_script:1.\r\n"
    ),
    ("local ok,e=pcall(function() error('x') end) return tostring(e)", "$16\r\nuser_script:1: x\r\n"),
    ("return {1,2,{3,'a',{4}},nil,5}", "*3\r\n:1\r\n:2\r\n*3\r\n:3\r\n$1\r\na\r\n*1\r\n:4\r\n"),
    ("return {1.9,-1.9,'x',true,false}", "*5\r\n:1\r\n:-1\r\n$1\r\nx\r\n:1\r\n$-1\r\n"),
    ("return 3.99", ":3\r\n"),
    ("return 1e300", ":-9223372036854775808\r\n"),
    ("return 0/0", ":-9223372036854775808\r\n"),
    ("return nil", "$-1\r\n"),
    (
        "return print",
        "-ERR user_script:1: Script attempted to access nonexistent global variable 'print' script: df4c752a7558004676bbee87e38b92e0b9056d68, on @user_script:1.\r\n"
    ),
    ("return {double=3.3}", "$18\r\n3.2999999999999998\r\n"),
    ("return {map={a=1}}", "*2\r\n$1\r\na\r\n:1\r\n"),
    ("return {set={a=1}}", "*1\r\n$1\r\na\r\n"),
    ("return {big_number='123\\r\\n'}", "$5\r\n123  \r\n"),
    ("return {verbatim_string={format='txt',string='abc'}}", "$3\r\nabc\r\n"),
    ("redis.setresp(3) return true", ":1\r\n"),
    ("return true", ":1\r\n"),
    ("return false", "$-1\r\n"),
    ("redis.setresp(3) return {true,false,nil}", "*2\r\n:1\r\n:0\r\n"),
    ("redis.setresp(3) return {true,false}", "*2\r\n:1\r\n:0\r\n"),
    ("return", "$-1\r\n"),
    ("return (", "-ERR Error compiling script (new function): user_script:1: unexpected symbol near '<eof>'\r\n"),
    (
        "return redis.call('set',KEYS[1],'x')",
        "-ERR Lua redis lib command arguments must be strings or integers script: 2597e0576dd54eb42864e3a1b8392b96e018bcc3, on @user_script:1.\r\n"
    ),
    (
        "#!lua flags=no-writes\nreturn redis.call('set',KEYS[1],'x')",
        "-ERR Lua redis lib command arguments must be strings or integers script: 63d5c78b3433bae7655cbcc4e51b56dc11d0ded4, on @user_script:2.\r\n"
    ),
    ("#!lua flags=foo\nreturn 1", "-ERR Unexpected flag in script shebang: foo\r\n"),
    ("#!lua name=foo\nreturn 1", "-ERR Unknown lua shebang option: name=foo\r\n"),
    ("#!foo\nreturn 1", "-ERR Unexpected engine in script shebang: #!foo\r\n"),
    ("#!lua\nreturn 1", ":1\r\n"),
    ("#!lua", "-ERR Invalid script shebang\r\n"),
    (
        "#!lua\nreturn x",
        "-ERR user_script:2: Script attempted to access nonexistent global variable 'x' script: 58b72ca6d006e3bafbb8cc006de4820497ce9cf8, on @user_script:2.\r\n"
    ),
    ("#!lua foo\nreturn 1", "-ERR Unknown lua shebang option: foo\r\n"),
    ("#!lua\nreturn redis.call('get','strk')", "$1\r\nv\r\n"),
    ("return loadstring('return 1')()", ":1\r\n"),
]
