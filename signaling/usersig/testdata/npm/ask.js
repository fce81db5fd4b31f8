// Asks the vendor's library. Standard input is a list of questions, standard output the list of its answers: a token
// for {make: ...}, true or false for {check: token}, by the library's own HMAC. `at` is the time in milliseconds.
'use strict';
const zlib = require('zlib');
const { Api } = require('tls-sig-api-v2');

function make(q) {
    const api = new Api(q.app, q.secret);
    switch (q.make) {
    case 'userSig':
        return api.genUserSig(q.user, q.expire);
    case 'userBuf':
        return api.genSig(q.user, q.expire, Buffer.from(q.userBuf || '', 'base64'));
    case 'privateMapKey':
        return api.genPrivateMapKey(q.user, q.expire, q.roomNumber || 0, q.privileges);
    case 'privateMapKeyWithStringRoomID':
        return api.genPrivateMapKeyWithStringRoomID(q.user, q.expire, q.room, q.privileges);
    }
    throw new Error('there is no ' + q.make);
}

// The library makes tokens and has nothing that reads them, so this is what its server does, as far as it is known.
function check(q) {
    let doc;
    try {
        const text = q.check.replace(/\*/g, '+').replace(/-/g, '/').replace(/_/g, '=');
        doc = JSON.parse(zlib.inflateSync(Buffer.from(text, 'base64')).toString());
    } catch {
        return false;
    }
    const api = new Api(q.app, q.secret);
    return doc['TLS.ver'] === '2.0' && doc['TLS.identifier'] === q.user && doc['TLS.sdkappid'] === q.app &&
        doc['TLS.time'] * 1000 <= q.at && q.at <= (doc['TLS.time'] + doc['TLS.expire']) * 1000 &&
        doc['TLS.sig'] === api._hmacsha256(doc['TLS.identifier'], doc['TLS.time'], doc['TLS.expire'], doc['TLS.userbuf']);
}

const questions = JSON.parse(require('fs').readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(questions.map((q) => {
    Date.now = () => q.at;
    return q.check === undefined ? make(q) : check(q);
})));
