import java.util.List;
import org.springframework.beans.BeanWrapperImpl;
import org.springframework.boot.Banner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.ConfigurationPropertySources;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.core.env.PropertySource;

/**
 * Loads a service's configuration files as that service does, and prints what it then has: one line for each wish, with line breaks as {@code \n} and {@code null} for
 * what is not there.
 *
 * <p>{@code java -cp CLASSPATH Profiles.java NAME FOLDER WISH...}: a wish is a property ({@code webhook.preconfigured[0].url}), or {@code PREFIX|CLASS|PATH}, where the class
 * is what the service binds that prefix to ({@code aws.proxy|...AWSProxy|proxyHost}).
 */
public class Profiles {

  public static void main(String[] arguments) throws Exception {
    SpringApplication application = new SpringApplication(Profiles.class);
    application.setWebApplicationType(WebApplicationType.NONE);
    application.setBannerMode(Banner.Mode.OFF);
    application.setLogStartupInfo(false);
    String name = arguments[0];
    try (ConfigurableApplicationContext context =
        application.run(
            "--spring.application.name=" + name,
            "--spring.config.name=spinnaker," + name,
            "--spring.config.location=file:" + arguments[1] + "/",
            "--spring.profiles.active=local",
            "--logging.level.root=ERROR")) {
      Binder binder = Binder.get(context.getEnvironment());
      for (String wish : List.of(arguments).subList(2, arguments.length)) {
        Object value = wish.contains("|") ? bound(binder, wish.split("\\|")) : property(context.getEnvironment(), wish);
        System.out.println(wish + "\t" + String.valueOf(value).replace("\n", "\\n"));
      }
    }
  }

  /** With placeholders resolved as binding does: those that are nobody's property stay as they are, and may be somebody else's expressions. */
  private static String property(ConfigurableEnvironment environment, String name) {
    for (PropertySource<?> source : environment.getPropertySources()) {
      Object value = ConfigurationPropertySources.isAttachedConfigurationPropertySource(source) ? null : source.getProperty(name);
      if (value != null) {
        return environment.resolvePlaceholders(value.toString());
      }
    }
    return null;
  }

  private static Object bound(Binder binder, String[] wish) throws ClassNotFoundException {
    Object bound = binder.bind(wish[0], Bindable.of((Class<?>) Class.forName(wish[1]))).get();
    return new BeanWrapperImpl(bound).getPropertyValue(wish[2]);
  }
}
