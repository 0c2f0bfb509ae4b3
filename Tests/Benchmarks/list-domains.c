/* Lists all domains of a libvirt and reads the persistent definition of each, with 8 threads over one connection: the
 * least that any reader of definitions asks of libvirt. */
#include <libvirt/libvirt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 8 };

static virDomainPtr *domains;
static int count;
static atomic_int next;
static atomic_long bytes;

static void *read_definitions(void *unused)
{
    int index;

    while ((index = atomic_fetch_add(&next, 1)) < count) {
        char *xml = virDomainGetXMLDesc(domains[index], VIR_DOMAIN_XML_INACTIVE);
        if (!xml)
            exit(1);
        atomic_fetch_add(&bytes, strlen(xml));
        free(xml);
    }
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    virConnectPtr connection = virConnectOpen(argc > 1 ? argv[1] : "qemu:///system");

    if (!connection)
        return 2;
    count = virConnectListAllDomains(connection, &domains, 0);
    if (count < 0)
        return 1;
    for (int index = 0; index < THREADS; index++)
        if (pthread_create(&threads[index], NULL, read_definitions, NULL))
            return 2;
    for (int index = 0; index < THREADS; index++)
        pthread_join(threads[index], NULL);
    for (int index = 0; index < count; index++)
        virDomainFree(domains[index]);
    free(domains);
    virConnectClose(connection);
    printf("%d domains, %ld bytes\n", count, atomic_load(&bytes));
    return 0;
}
