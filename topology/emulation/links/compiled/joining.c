#include "joining.h"

#include <stdbool.h>
#include <string.h>

enum { TCP = 6, UDP = 17 };
enum { NEEDS_CHECKSUM = 1, GSO_NONE = 0, GSO_TCPV4 = 1, GSO_UDP_L4 = 5 }; /* linux/virtio_net.h */
enum { ACK = 0x10, PSH = 0x08 };

/* Offsets in a frame with its virtio_net_hdr. */
enum { FLAGS = 0, GSO_TYPE = 1, HEADER_LENGTH = 2, GSO_SIZE = 4, CHECKSUM_START = 6, CHECKSUM_OFFSET = 8 };
enum { ETHERNET = VNET_HEADER_BYTES, ETHERTYPE = ETHERNET + 12, IP = ETHERNET + 14, TRANSPORT = IP + 20 };
enum { TOTAL_LENGTH = IP + 2, ID = IP + 4, FRAGMENT = IP + 6, PROTOCOL = IP + 9, IP_CHECKSUM = IP + 10, ADDRESSES = IP + 12 };
enum { UDP_LENGTH = TRANSPORT + 4, UDP_CHECKSUM = TRANSPORT + 6, UDP_BYTES = 8 };
enum { SEQUENCE = TRANSPORT + 4, TCP_OFFSET = TRANSPORT + 12, TCP_FLAGS = TRANSPORT + 13, TCP_CHECKSUM = TRANSPORT + 16, TCP_BYTES = 20 };

#define LARGEST_PACKET_BYTES 65535

/* One packet that may be joined with others. */
struct packet {
    const unsigned char *bytes;
    uint32_t headers; /* bytes before the payload, from the virtio_net_hdr on */
    uint32_t payload;
    uint8_t protocol;
};

static uint32_t number(const unsigned char *at, int bytes)
{
    uint32_t found = 0;
    for (int index = 0; index < bytes; index++)
        found = found << 8 | at[index];
    return found;
}

static void write_number(unsigned char *at, uint32_t value)
{
    at[0] = value >> 8 & 0xff;
    at[1] = value & 0xff;
}

static void write_native(unsigned char *at, uint16_t value)
{
    memcpy(at, &value, sizeof value); /* a virtio_net_hdr of an AF_PACKET socket has the machine's byte order */
}

static uint16_t native(const unsigned char *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* The internet checksum's sum (RFC 1071), folded, of `size` bytes on top of `sum`. */
static uint32_t summed(const unsigned char *at, uint32_t size, uint32_t sum)
{
    uint64_t total = sum;
    for (; size >= 4; at += 4, size -= 4) {
        uint32_t word;
        memcpy(&word, at, sizeof word);
        total += word;
    }
    for (; size >= 2; at += 2, size -= 2)
        total += native(at);
    if (size) {
        unsigned char last[2] = {*at, 0};
        total += native(last);
    }
    while (total >> 16)
        total = (total & 0xffff) + (total >> 16);
    return (uint32_t)total;
}

/* The sum of the pseudo header (RFC 768, RFC 9293) of a packet with `length` bytes of transport. */
static uint32_t pseudo_summed(const unsigned char *bytes, uint32_t length)
{
    unsigned char rest[4] = {0, bytes[PROTOCOL], 0, 0};
    write_number(rest + 2, length);
    return summed(rest, sizeof rest, summed(bytes + ADDRESSES, 8, 0));
}

static bool checksum_right(const struct packet *packet, uint32_t checksum_at)
{
    const unsigned char *bytes = packet->bytes;
    uint32_t length = packet->headers + packet->payload - TRANSPORT;
    if (bytes[FLAGS] & NEEDS_CHECKSUM)
        return native(bytes + CHECKSUM_START) == TRANSPORT - ETHERNET
               && native(bytes + CHECKSUM_OFFSET) == checksum_at - TRANSPORT;
    if (!native(bytes + checksum_at)) /* of UDP: none */
        return false;
    return summed(bytes + TRANSPORT, length, pseudo_summed(bytes, length)) == 0xffff;
}

/* Whether a frame is a packet that may be joined: whole, with no IP options, and as it should be. */
static bool understood(const struct frame *frame, struct packet *packet)
{
    const unsigned char *bytes = frame->head;
    if (frame->rest || frame->size < TRANSPORT + UDP_BYTES + 1 || bytes[GSO_TYPE] != GSO_NONE
        || number(bytes + ETHERTYPE, 2) != 0x0800 || bytes[IP] != 0x45
        || number(bytes + TOTAL_LENGTH, 2) != frame->size - IP || number(bytes + FRAGMENT, 2) & 0xbfff
        || summed(bytes + IP, 20, 0) != 0xffff)
        return false;
    *packet = (struct packet){.bytes = bytes, .protocol = bytes[PROTOCOL]};
    uint32_t checksum_at;
    if (packet->protocol == UDP) {
        packet->headers = TRANSPORT + UDP_BYTES;
        checksum_at = UDP_CHECKSUM;
        if (number(bytes + UDP_LENGTH, 2) != frame->size - TRANSPORT)
            return false;
    } else if (packet->protocol == TCP && frame->size > TRANSPORT + TCP_BYTES) {
        packet->headers = TRANSPORT + (bytes[TCP_OFFSET] >> 4) * 4;
        checksum_at = TCP_CHECKSUM;
        if (packet->headers < TRANSPORT + TCP_BYTES || packet->headers >= frame->size || bytes[TCP_OFFSET] & 0x0f
            || (bytes[TCP_FLAGS] & ~PSH) != ACK)
            return false;
    } else {
        return false;
    }
    packet->payload = frame->size - packet->headers;
    return checksum_right(packet, checksum_at);
}

static bool same(const struct packet *one, const struct packet *other, uint32_t begin, uint32_t end)
{
    return !memcmp(one->bytes + begin, other->bytes + begin, end - begin);
}

/* Whether `next` is what splitting would make of the packet after `number_before` like `first`. */
static bool follows(const struct packet *first, const struct packet *next, int number_before)
{
    if (next->protocol != first->protocol || next->headers != first->headers || next->payload > first->payload
        || next->bytes[FLAGS] != first->bytes[FLAGS] || !same(first, next, ETHERNET, TOTAL_LENGTH)
        || !same(first, next, FRAGMENT, IP_CHECKSUM) || !same(first, next, ADDRESSES, TRANSPORT + 4)
        || number(next->bytes + ID, 2) != ((number(first->bytes + ID, 2) + number_before) & 0xffff))
        return false;
    if (first->protocol == UDP)
        return true;
    uint32_t sequence = number(first->bytes + SEQUENCE, 4) + (uint32_t)number_before * first->payload;
    return number(next->bytes + SEQUENCE, 4) == sequence && same(first, next, SEQUENCE + 4, TCP_FLAGS)
           && same(first, next, TCP_FLAGS + 1, TCP_CHECKSUM) && same(first, next, TCP_CHECKSUM + 2, first->headers);
}

/* The headers of `first`, for all that were joined with it; `last` is the last of them. */
static void write_head(unsigned char *head, const struct packet *first, const struct packet *last, uint32_t payload)
{
    bool udp = first->protocol == UDP;
    uint32_t checksum_at = udp ? UDP_CHECKSUM : TCP_CHECKSUM, length = first->headers + payload - TRANSPORT;
    memcpy(head, first->bytes, first->headers);
    head[FLAGS] = NEEDS_CHECKSUM;
    head[GSO_TYPE] = udp ? GSO_UDP_L4 : GSO_TCPV4;
    write_native(head + HEADER_LENGTH, first->headers - ETHERNET);
    write_native(head + GSO_SIZE, first->payload);
    write_native(head + CHECKSUM_START, TRANSPORT - ETHERNET);
    write_native(head + CHECKSUM_OFFSET, checksum_at - TRANSPORT);
    write_number(head + TOTAL_LENGTH, TRANSPORT - IP + length);
    write_native(head + IP_CHECKSUM, 0);
    write_native(head + IP_CHECKSUM, ~summed(head + IP, 20, 0));
    if (udp)
        write_number(head + UDP_LENGTH, length);
    else
        head[TCP_FLAGS] = last->bytes[TCP_FLAGS]; /* the last packet alone may push */
    write_native(head + checksum_at, pseudo_summed(head, length));
}

int joined_protocol(const unsigned char *head)
{
    return head[GSO_TYPE] == GSO_UDP_L4 ? JOINS_UDP : JOINS_TCP;
}

int join(struct frame *const *frames, int count, int protocols, unsigned char head[JOINED_HEAD_BYTES],
         struct iovec *parts)
{
    struct packet first, last, next;
    if (count < 2 || !understood(frames[0], &first)
        || !(protocols & (first.protocol == UDP ? JOINS_UDP : JOINS_TCP)))
        return 1;
    uint32_t payload = first.payload;
    int joined = 1;
    parts[1] = (struct iovec){(void *)(first.bytes + first.headers), first.payload};
    for (last = first; joined < count && last.payload == first.payload; joined++) {
        if (first.protocol == TCP && last.bytes[TCP_FLAGS] & PSH)
            break;
        if (!understood(frames[joined], &next) || !follows(&first, &next, joined)
            || first.headers - IP + payload + next.payload > LARGEST_PACKET_BYTES)
            break;
        parts[joined + 1] = (struct iovec){(void *)(next.bytes + next.headers), next.payload};
        payload += next.payload;
        last = next;
    }
    if (joined == 1)
        return 1;
    write_head(head, &first, &last, payload);
    parts[0] = (struct iovec){head, first.headers};
    return joined;
}
