/* The C ABI of rust/py/src/ffi.rs and bus.rs, where each function is documented.

   Connections are known by their numbers. Where a function returns an int64_t, -1 stands for none;
   UINT32_MAX is the number of no connection, and ignored. */
#ifndef FORTEPIANO_CORE_H
#define FORTEPIANO_CORE_H

#include <stddef.h>
#include <stdint.h>

typedef struct fortepiano_hub fortepiano_hub;

extern const uint16_t FORTEPIANO_INTERNAL_ERROR;

uint32_t fortepiano_attach(fortepiano_hub *hub, int32_t fd);
void fortepiano_detach(fortepiano_hub *hub, uint32_t client);
uint8_t *fortepiano_window(fortepiano_hub *hub, uint32_t client, size_t *room);
void fortepiano_feed(fortepiano_hub *hub, uint32_t client, size_t count);
void fortepiano_feed_copy(fortepiano_hub *hub, uint32_t client, const uint8_t *bytes, size_t count);
int32_t fortepiano_step(fortepiano_hub *hub, const uint8_t **bytes, size_t *count);
void fortepiano_begin_turn(fortepiano_hub *hub);
int32_t fortepiano_end_turn(fortepiano_hub *hub);
int32_t fortepiano_flush(fortepiano_hub *hub);
int32_t fortepiano_wake(fortepiano_hub *hub);
int64_t fortepiano_resume(fortepiano_hub *hub);
int32_t fortepiano_resume_ending(fortepiano_hub *hub, uint32_t client);
int64_t fortepiano_next_close_order(fortepiano_hub *hub, uint16_t *code);

typedef struct fortepiano_bus fortepiano_bus;

fortepiano_bus *fortepiano_bus_new(void);
void fortepiano_bus_free(fortepiano_bus *bus);
void fortepiano_bus_reset(fortepiano_bus *bus);
void fortepiano_bus_open(fortepiano_bus *bus);
uint8_t *fortepiano_bus_window(fortepiano_bus *bus, size_t *room);
void fortepiano_bus_feed(fortepiano_bus *bus, size_t count);
int32_t fortepiano_bus_step(fortepiano_hub *hub, fortepiano_bus *bus, void **event);
void fortepiano_bus_begin(fortepiano_bus *bus, size_t count);
void fortepiano_bus_part(fortepiano_bus *bus, const uint8_t *bytes, size_t count);
void fortepiano_bus_beat(
    fortepiano_bus *bus, const uint8_t *channel, size_t channel_count, const uint8_t *text, size_t text_count
);
void fortepiano_bus_drain(fortepiano_hub *hub, fortepiano_bus *bus);
const uint8_t *fortepiano_bus_outbox(fortepiano_bus *bus, size_t *count);
void fortepiano_bus_clear_outbox(fortepiano_bus *bus);
void *fortepiano_bus_stats(fortepiano_bus *bus);
void *fortepiano_bus_pack(fortepiano_bus *bus);
int32_t fortepiano_bus_unpack(fortepiano_bus *bus, void *packed);

#endif
