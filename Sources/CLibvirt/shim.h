#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
